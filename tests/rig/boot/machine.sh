# shellcheck shell=bash
# What the first process of every machine does, whichever it is: sourced by the other boot scripts.
# Called with the rig's folder and the machine's name.
set -euo pipefail
umask 022

export rig=$1 name=$2
here=$rig/$name
# shellcheck source=../lib/layout.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/layout.sh"

# /proc is still the one from outside and tells this process's number there.
note_pid() {
    local stat
    read -r -a stat </proc/self/stat
    echo "${stat[0]} ${stat[21]}" >"$here/pid.new"
    mv "$here/pid.new" "$here/pid"
}

# The disk is the machine's own. /run is empty when a machine is turned on: so are containerd's
# notes of what runs, as on any machine that has lost its power.
mount_disk() {
    mount -t proc proc /proc
    mount --bind "$here/lib" /var/lib
    mount --bind "$here/log" /var/log
    mount -t tmpfs -o mode=755 tmpfs /run
    # Nobody cleans up after a power cut, and /tmp is not this machine's own.
    mkdir -m 1777 /run/tmp
    export TMPDIR=/run/tmp
}

# component NAME CMD...: in the background, with a log; when it ends, that is noted.
component() {
    local component=$1
    shift
    {
        local status=0
        "$@" >>"$here/log/$component.log" 2>&1 </dev/null || status=$?
        echo "$component ended with $status" >>"$here/ended"
    } &
}

# The first process must stay, and collect the exits of those that have lost their parents.
stay() {
    wait
    while :; do
        sleep 3600 &
        wait
    done
}

note_pid
mount_disk
export PATH=$rig/built/bin:$PATH
