# shellcheck shell=bash
# PersistentVolumes of the class `local`: folders on the disks of the nodes. Kubernetes gives a
# volume away once; one that was released stays so, with its data, until it is made anew here.

# Makes those that are missing, and anew those that were released.
volumes_refresh() {
    local -A phases=()
    local volume phase used=()
    while read -r volume phase; do
        phases[$volume]=$phase
        case $phase in
        Released | Failed) used+=("$volume") ;;
        esac
    done < <(rig_kubectl get persistentvolumes -o jsonpath='{range .items[*]}{.metadata.name} {.status.phase}{"\n"}{end}')
    if [ ${#used[@]} -gt 0 ]; then rig_kubectl delete persistentvolumes "${used[@]}" >/dev/null; fi
    for volume in "${used[@]}"; do unset "phases[$volume]"; done

    local number index wanted=()
    for number in $(node_numbers); do
        for ((index = 1; index <= volumes_per_node; index++)); do
            volume=n$number-v$index
            if [ -z "${phases[$volume]:-}" ]; then wanted+=("$volume"); fi
        done
    done
    if [ ${#wanted[@]} -eq 0 ]; then return 0; fi
    for volume in "${wanted[@]}"; do volume_empty "$volume"; done
    for volume in "${wanted[@]}"; do volume_manifest "$volume"; done | rig_kubectl create -f - >/dev/null
}

# Pods are not root, and have groups of their own: the folder is open to all of them.
volume_empty() {
    local folder=$rig/${1%-*}/lib/volumes/${1#*-}
    rm -rf "$folder"
    mkdir -p "$folder"
    chmod 0777 "$folder"
}

volume_manifest() {
    cat <<YAML
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: $1}
spec:
  storageClassName: local
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  local: {path: /var/lib/volumes/${1#*-}}
  nodeAffinity:
    required:
      nodeSelectorTerms:
        - matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [${1%-*}]}]
YAML
}
