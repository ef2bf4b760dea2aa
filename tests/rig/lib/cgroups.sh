# shellcheck shell=bash
# A cgroup for the pods of each node, below one for the rig. The kubelet asks for its root to be
# there, with every controller. Both versions of cgroups will do: 1, a tree per controller, and 2.

cgroups=/sys/fs/cgroup

cgroups_add_node() {
    if [ -e "$cgroups/cgroup.controllers" ]; then
        enable_controllers "$cgroups"
        mkdir -p "$cgroups/$rig_id"
        enable_controllers "$cgroups/$rig_id"
        mkdir -p "$cgroups/$rig_id/n$1"
        return 0
    fi
    local controller
    for controller in "$cgroups"/*/; do
        if [ ! -e "$controller/cgroup.procs" ]; then continue; fi
        mkdir -p "$controller/$rig_id/n$1"
        inherit_cpuset "$controller" "$rig_id"
        inherit_cpuset "$controller/$rig_id" "n$1"
    done
}

# Version 2: children have the controllers that their parent hands down.
enable_controllers() {
    local controller
    for controller in cpu cpuset memory pids io hugetlb; do
        if grep -qw "$controller" "$1/cgroup.controllers"; then echo "+$controller" >"$1/cgroup.subtree_control"; fi
    done
}

# Version 1: a new cpuset is empty, and takes no process.
inherit_cpuset() {
    local file
    for file in cpuset.cpus cpuset.mems; do
        if [ -e "$1/$file" ]; then cat "$1/$file" >"$1/$2/$file"; fi
    done
}

# cgroups_remove RELATIVE: it and those below it, whose processes are gone by now. The kernel may need
# a moment to let go of the last of them.
cgroups_remove() {
    local all=(-depth -type d \( -path "*/$1" -o -path "*/$1/*" \))
    for _ in {1..50}; do
        find "$cgroups" "${all[@]}" -exec rmdir {} + 2>/dev/null || true
        if [ -z "$(find "$cgroups" "${all[@]}" -print -quit)" ]; then return 0; fi
        sleep 0.1
    done
    fail "the cgroup $1 is still in use"
}
