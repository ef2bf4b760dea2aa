# shellcheck shell=bash
# A machine: a network namespace, and process and mount namespaces in which boot/NAME is the first
# process. Whatever runs on the machine descends from it, so to kill that one is to pull the power:
# the kernel ends all of them at once, and their mounts go with them. What remains is the disk.

# machine_start NAME BOOT-SCRIPT: returns when its first process is there.
machine_start() {
    local name=$1 script=$2
    mkdir -p "$rig/$name/lib" "$rig/$name/log"
    rm -f "$rig/$name/pid" "$rig/$name/ended"
    # A slave of the mounts outside: it sees when one there is gone, and never gives one back.
    setsid nsenter --net="$(network_of "$name")" \
        unshare --mount --propagation slave --pid --fork \
        "$source_folder/boot/$script" "$rig" "$name" \
        </dev/null >>"$rig/$name/log/boot.log" 2>&1 &
    wait_for "$name" 10 "the first process of $name" test -s "$rig/$name/pid"
}

# Returns when none of its processes is left. Nothing to do for one that is off.
machine_kill() {
    local pid
    if ! machine_is_on "$1"; then return 0; fi
    read -r pid _ <"$rig/$1/pid"
    kill -9 "$pid"
    for _ in {1..100}; do
        if ! machine_is_on "$1"; then return 0; fi
        sleep 0.1
    done
    fail "$1 has processes that do not end"
}

# A process id comes around again, so the time at which that process started has to match, too.
machine_is_on() {
    local pid started stat
    read -r pid started 2>/dev/null <"$rig/$1/pid" || return 1
    read -r -a stat 2>/dev/null <"/proc/$pid/stat" || return 1
    [ "${stat[21]}" = "$started" ]
}

# machine_run NAME CMD...: on that machine, with its mounts and its network.
machine_run() {
    local name=$1 pid
    shift
    read -r pid _ <"$rig/$name/pid"
    nsenter --target "$pid" --mount --root --net -- "$@"
}

# Says which components have ended by themselves, and their last words. Fails if none has.
show_ended() {
    local name component rest found=1
    for name in $(machines); do
        if [ ! -e "$rig/$name/ended" ]; then continue; fi
        found=0
        while read -r component rest; do
            echo "rig: $name: $component $rest; the end of its log:"
            tail -n 20 "$rig/$name/log/$component.log"
        done <"$rig/$name/ended"
    done
    return $found
}

# The last words of everything that has a log and is still there.
show_logs() {
    local log
    for log in "$rig"/*/log/*.log; do
        echo "rig: the end of $log:"
        tail -n 5 "$log"
    done
}

# wait_for NAME SECONDS WHAT CMD...: until CMD succeeds. Gives up as soon as a component of that
# machine has ended.
wait_for() {
    local name=$1 seconds=$2 what=$3 deadline
    shift 3
    deadline=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        if [ -e "$rig/$name/ended" ]; then fail "waited in vain for $what"; fi
        if [ $SECONDS -ge $deadline ]; then fail "waited $seconds s in vain for $what"; fi
        sleep 0.1
    done
}
