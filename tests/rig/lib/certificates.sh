# shellcheck shell=bash
# The rig's certificate authority, a certificate for every component, and kubeconfigs made of them.

# The settings of Debian's openssl.cnf would add the extensions of an authority to each of them.
openssl_settings='[req]
distinguished_name = subject
[subject]'

# Everything that the control plane needs to identify itself and others.
certify_control_plane() {
    local pki=$rig/pki
    mkdir -m 700 "$pki"
    openssl req -config <(echo "$openssl_settings") -x509 -days 30 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
        -nodes -subj /CN=rig -addext basicConstraints=critical,CA:TRUE -keyout "$pki/ca.key" -out "$pki/ca.crt" 2>/dev/null
    openssl ecparam -name prime256v1 -genkey -noout -out "$pki/service-accounts.key"
    openssl ec -in "$pki/service-accounts.key" -pubout -out "$pki/service-accounts.pub" 2>/dev/null

    certify apiserver /CN=kube-apiserver serverAuth \
        "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:$api_address,IP:$api_service_address"
    certify apiserver-to-kubelet /O=system:masters/CN=kube-apiserver clientAuth
    certify admin /O=system:masters/CN=admin clientAuth
    local user
    for user in kube-controller-manager kube-scheduler kube-proxy coredns; do
        certify "$user" "/CN=system:$user" clientAuth
        write_kubeconfig "$user" "$pki/$user.kubeconfig"
    done
    write_kubeconfig admin "$rig/admin.kubeconfig"
}

# A kubelet is a client of the API server, and serves it, too.
certify_node() {
    local name=n$1
    certify "$name" "/O=system:nodes/CN=system:node:$name" clientAuth,serverAuth \
        "DNS:$name,IP:$(node_address "$1")"
    write_kubeconfig "$name" "$rig/pki/$name.kubeconfig"
}

# certify NAME SUBJECT USAGE [ALTERNATIVE-NAMES]: pki/NAME.key and pki/NAME.crt.
certify() {
    local name=$1 subject=$2 usage=$3 names=${4:-}
    openssl req -config <(echo "$openssl_settings") -x509 -days 30 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
        -nodes -CA "$rig/pki/ca.crt" -CAkey "$rig/pki/ca.key" -subj "$subject" \
        -addext basicConstraints=CA:FALSE -addext keyUsage=digitalSignature -addext "extendedKeyUsage=$usage" \
        ${names:+-addext "subjectAltName=$names"} \
        -keyout "$rig/pki/$name.key" -out "$rig/pki/$name.crt" 2>/dev/null
}

write_kubeconfig() {
    local user=$1 file=$2
    cat >"$file" <<YAML
apiVersion: v1
kind: Config
current-context: rig
contexts:
  - name: rig
    context: {cluster: rig, user: $user, namespace: default}
clusters:
  - name: rig
    cluster:
      server: https://$api_address:6443
      certificate-authority: $rig/pki/ca.crt
users:
  - name: $user
    user:
      client-certificate: $rig/pki/$user.crt
      client-key: $rig/pki/$user.key
YAML
}
