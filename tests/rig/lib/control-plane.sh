# shellcheck shell=bash
# The machine `cp`: its configuration, and what the cluster holds from the start.

control_plane_configure() {
    mkdir -p "$rig/cp/etc"
    cat >"$rig/cp/etc/Corefile" <<CONF
.:53 {
    errors
    ready $api_address:8181
    kubernetes cluster.local in-addr.arpa {
        kubeconfig $rig/pki/coredns.kubeconfig
        ttl 1
    }
}
CONF
    write_proxy_configuration "$rig/cp/etc/kube-proxy.yaml"
}

# Connection tracking is left as it is: those settings belong to the whole machine.
write_proxy_configuration() {
    cat >"$1" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clusterCIDR: $pod_network
clientConnection: {kubeconfig: $rig/pki/kube-proxy.kubeconfig}
conntrack: {maxPerCore: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
# Nobody asks for either of them.
healthzBindAddress: ""
metricsBindAddress: 127.0.0.1:10249
YAML
}

control_plane_fill() {
    wait_for cp 60 "the API server" test -e "$rig/api-ready"
    rig_kubectl apply -f "$source_folder/manifests" >/dev/null
}

# Pods can be made, are scheduled and find one another: the default namespace has its account, all
# nodes are Ready, names are answered for.
cluster_wait_ready() {
    local nodes
    mapfile -t nodes < <(node_numbers | sed 's#^#node/n#')
    unless_ended rig_kubectl wait --for=create --timeout=60s serviceaccount/default "${nodes[@]}"
    unless_ended rig_kubectl wait --for=condition=Ready --timeout=60s "${nodes[@]}"
    wait_for cp 60 "cluster DNS" "${in_cluster[@]}" curl -fs "http://$api_address:8181/ready"
}

# Runs a long wait, and gives it up when a component has ended.
unless_ended() {
    "$@" >/dev/null &
    local pid=$!
    while kill -0 $pid 2>/dev/null; do
        if compgen -G "$rig/*/ended" >/dev/null; then
            kill $pid
            fail "gave up waiting"
        fi
        sleep 0.1
    done
    wait $pid
}

rig_kubectl() {
    "${in_cluster[@]}" kubectl "$@"
}
