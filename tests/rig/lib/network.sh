# shellcheck shell=bash
# The wires: every machine is a network namespace, and the control plane's holds the bridge that
# the nodes are plugged into. No wire leads to the network of the machine that the rig runs on.

# A bridge that is not told its hardware address takes the lowest of what is plugged in, and another
# one when that is unplugged: then nobody reaches it until all have asked for its address again.
bridge_hardware_address=02:00:00:00:00:01

# The control plane's namespace, with the bridge.
network_start() {
    local cp=$rig_id-cp
    ip netns add "$cp"
    ip -n "$cp" link set lo up
    ip -n "$cp" link add underlay address $bridge_hardware_address type bridge
    ip -n "$cp" addr add "$api_address/24" dev underlay
    ip -n "$cp" link set underlay up
    # Addresses of Services are rewritten after a route was found for them, so there has to be one.
    ip -n "$cp" route add "$service_network" dev underlay
}

# The namespace of node N, plugged in; one more bridge in it, for its pods. On its way to another
# node's pods a packet crosses the underlay once, from node to node.
network_add_node() {
    local name=n$1 node=$rig_id-n$1 cp=$rig_id-cp
    ip netns add "$node"
    ip -n "$cp" link add "$name" type veth peer name eth0 netns "$node"
    ip -n "$cp" link set "$name" master underlay up
    ip -n "$cp" route replace "$(pod_prefix "$1").0/24" via "$(node_address "$1")"
    ip -n "$node" link set lo up
    ip -n "$node" addr add "$(node_address "$1")/24" dev eth0
    ip -n "$node" link set eth0 up
    ip -n "$node" route add default via "$api_address"
    ip -n "$node" link add pods address $bridge_hardware_address type bridge
    ip -n "$node" addr add "$(pod_prefix "$1").1/24" dev pods
    ip -n "$node" link set pods up
    local other
    for other in $(node_numbers); do
        if [ "$other" = "$1" ]; then continue; fi
        ip -n "$node" route add "$(pod_prefix "$other").0/24" via "$(node_address "$other")"
    done
}

# As when the power goes: the wire and the namespace are gone, nothing answers at its addresses. The
# kernel takes a namespace down when it finds the time; the wire has to be gone now, since its name
# is needed when the node comes back.
network_remove_node() {
    ip -n "$rig_id-cp" link del "n$1" 2>/dev/null || true
    ip netns del "$rig_id-n$1" 2>/dev/null || true
}

# Pulls the plug of node N out of the bridge, or puts it back: `down` or `up`.
network_plug() {
    ip -n "$rig_id-cp" link set "n$1" "$2"
}

network_is_cut() {
    ! ip -n "$rig_id-cp" link show dev "n$1" up 2>/dev/null | grep -q .
}

# Every namespace of this rig, also of one that has lost its folder.
network_remove_all() {
    local file
    for file in /run/netns/"$rig_id"-*; do
        if [ -e "$file" ]; then ip netns del "${file##*/}"; fi
    done
}
