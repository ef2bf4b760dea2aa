# shellcheck shell=bash
# The machines n1, n2, ...: their configuration, and what can happen to them.

node_start() {
    network_add_node "$1"
    cgroups_add_node "$1"
    machine_start "n$1" node
}

# Returns when the node takes images; to be Ready it needs a few seconds more.
node_wait_started() {
    wait_for "n$1" 60 "containerd of n$1" machine_run "n$1" test -e /run/images-welcome
}

# Without power it says no goodbye: the wire goes before the processes, whose end would close their
# connections. Its cgroups go, too, as on any machine that has lost its power: the kubelet would take those of
# containers that are no more for running ones, and puzzle over each for seconds.
node_kill() {
    network_plug "$1" down 2>/dev/null || true
    machine_kill "n$1"
    network_remove_node "$1"
    cgroups_remove "$rig_id/n$1"
}

node_configure() {
    local etc=$rig/n$1/etc
    mkdir -p "$etc/cni"
    write_containerd_configuration "$etc"
    write_pod_network_configuration "$1" "$etc/cni/10-pods.conflist"
    write_kubelet_configuration "$1" "$etc/kubelet.yaml"
    write_proxy_configuration "$etc/kube-proxy.yaml"
}

# The scores for the kernel's out-of-memory killer are restricted since not every machine lets a
# process lower its own.
write_containerd_configuration() {
    cat >"$1/containerd.toml" <<TOML
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$1/cni"
TOML
}

write_pod_network_configuration() {
    local prefix
    prefix=$(pod_prefix "$1")
    cat >"$2" <<JSON
{
  "cniVersion": "0.4.0",
  "name": "pods",
  "plugins": [{
    "type": "bridge",
    "bridge": "pods",
    "isGateway": true,
    "hairpinMode": true,
    "ipam": {
      "type": "host-local",
      "ranges": [[{"subnet": "$prefix.0/24", "rangeStart": "$prefix.2"}]],
      "routes": [{"dst": "0.0.0.0/0"}]
    }
  }]
}
JSON
}

write_kubelet_configuration() {
    local name=n$1
    cat >"$2" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $(node_address "$1")
tlsCertFile: $rig/pki/$name.crt
tlsPrivateKeyFile: $rig/pki/$name.key
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $rig/pki/ca.crt}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
clusterDNS: [$dns_service_address]
clusterDomain: cluster.local
# Pods that ask for the machine's own DNS get none: nothing leads to it.
resolvConf: ""
cgroupDriver: cgroupfs
cgroupRoot: /$rig_id/$name
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
# With the controller manager's grace period of 8 s.
nodeStatusUpdateFrequency: 2s
nodeLeaseDurationSeconds: 8
# The disk and the memory are those of the machine that the rig runs on, whatever else fills them.
evictionHard: {nodefs.available: "1%", imagefs.available: "1%", memory.available: 100Mi}
imageGCHighThresholdPercent: 100
YAML
}
