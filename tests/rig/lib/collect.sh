# shellcheck shell=bash
# What somebody needs who was not there: logs, events and objects of the rig, in one folder. Takes
# what it can get; what it cannot get leaves its error message in the place of the file.

collect() {
    local folder=$1 name objects=all,configmaps,endpointslices,poddisruptionbudgets,leases
    mkdir -p "$folder"
    for name in $(machines); do
        mkdir -p "$folder/$name"
        cp -r "$rig/$name/log/." "$rig/$name/ended" "$folder/$name/" 2>/dev/null || true
        # Links to the logs of the pods, by a path that is a node's.
        rm -rf "$folder/$name/containers"
    done
    verb_status >"$folder/machines.txt" 2>&1 || true
    collect_answer "$folder/events.txt" get events --all-namespaces --sort-by=.lastTimestamp
    collect_answer "$folder/pods.txt" get pods --all-namespaces --output=wide
    collect_answer "$folder/objects.yaml" get "$objects" --all-namespaces --output=yaml
    collect_answer "$folder/redisclusters.yaml" get redisclusters --all-namespaces --output=yaml
    collect_answer "$folder/volumes.yaml" get persistentvolumes,persistentvolumeclaims --all-namespaces --output=yaml
    collect_answer "$folder/nodes.yaml" get nodes --output=yaml
}

# collect_answer FILE KUBECTL-ARGUMENTS...
collect_answer() {
    local file=$1
    shift
    rig_kubectl --request-timeout=10s "$@" >"$file" 2>&1 || true
}
