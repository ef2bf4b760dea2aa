# shellcheck shell=bash
# Images come as OCI archives; there is no registry, so pods say `imagePullPolicy: Never`.

# To every node at the same time; a node that is off cannot take it, and that is an error.
images_load() {
    local archive=$1 number waiting=() failed=()
    for number in $(node_numbers); do
        if ! machine_is_on "n$number"; then
            failed+=("n$number is off")
            continue
        fi
        machine_run "n$number" ctr --namespace k8s.io images import - <"$archive" >/dev/null &
        waiting+=("n$number:$!")
    done
    local entry
    for entry in "${waiting[@]}"; do
        wait "${entry#*:}" || failed+=("${entry%:*} did not take it")
    done
    if [ ${#failed[@]} -gt 0 ]; then fail "$archive: $(join "${failed[@]}")"; fi
}

join() {
    local IFS=,
    echo "${*//,/, }"
}
