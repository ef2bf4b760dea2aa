# shellcheck shell=bash
# Where things are and what they are called: the rig's folder, its machines, their addresses.
#
# The rig's folder
#   id                          what its namespaces and cgroups are called by; the mark of a rig
#   built                       leads to what `rig build` has built
#   admin.kubeconfig            for kubectl and the tests
#   pki/                        keys, certificates and the kubeconfigs of the components
#   api-ready                   there once the API server answers
#   cp/, n1/, n2/, ...          the machines
#     etc/                      the configuration of what runs on it
#     lib/, log/                its disk: it finds them as /var/lib and /var/log
#     pid                       its first process, see machines.sh; missing when it was never on
#     ended                     which of its components have ended, and how

# Nothing of these is routed to the machine that the rig runs on, so every rig has the same ones.
api_address=10.76.0.1
pod_network=10.77.0.0/16
service_network=10.96.0.0/16
api_service_address=10.96.0.1
dns_service_address=10.96.0.10

volumes_per_node=8
nodes_max=9

# The underlay's address of node N.
node_address() {
    echo "10.76.0.$((10 + $1))"
}

# The first three bytes of the addresses of node N's pods.
pod_prefix() {
    echo "10.77.$1"
}

# The number of every node of this rig, one a line.
node_numbers() {
    local folder
    for folder in "$rig"/n[1-9]; do
        if [ -d "$folder" ]; then echo "${folder##*/n}"; fi
    done
}

# Every machine of this rig, the nodes first.
machines() {
    node_numbers | sed 's/^/n/'
    if [ -d "$rig/cp" ]; then echo cp; fi
}

# Namespaces and cgroups are named by the rig's folder, so that rigs stand beside one another:
# its name for people, and the start of a hash of its whole path since two can have one name.
rig_id() {
    local name
    name=$(basename "$1" | tr -cd 'a-zA-Z0-9-')
    name=${name#slotkeeper-rig-}
    echo "rig-${name:0:32}-$(sha256sum <<<"$1" | head -c 6)"
}

# The file that holds a machine's network namespace.
network_of() {
    echo "/run/netns/$rig_id-$1"
}
