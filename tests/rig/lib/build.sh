# shellcheck shell=bash
# What is built once and kept outside of the checkout: the program that holds every component of
# Kubernetes, and the pause image. Both need the Go toolchain and its module proxy, no registry.

build_cache=${SLOTKEEPER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/slotkeeper}/rig
components=(kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl coredns)

# The folder of what these sources build: another checkout with the same ones shares it.
built_folder() {
    local key
    key=$(cd "$source_folder" && cat controlplane/* pause/* lib/build.sh | sha256sum | head -c 16)
    echo "$build_cache/$key"
}

# Sees to it that the folder is there. Minutes from cold; 20 s where Go's own cache is warm.
build() {
    local folder started=$SECONDS
    folder=$(built_folder)
    if [ -d "$folder" ]; then return 0; fi
    command -v go >/dev/null || fail "the rig's Kubernetes is built from source: install Go 1.26 or later"
    mkdir -p "$build_cache"
    # Whoever comes second waits, and finds it built.
    (
        flock 9
        if [ -d "$folder" ]; then exit; fi
        # Of builds that were killed: nobody else is building now.
        rm -rf "$build_cache"/half.*
        echo "rig: building Kubernetes; from cold this takes 6 to 10 minutes" >&2
        build_into "$folder" 9>&-
        echo "rig: built in $((SECONDS - started)) s" >&2
    ) 9>"$build_cache/lock"
}

# Under another name until it is whole, so that the folder never holds half of it.
build_into() {
    local folder=$1 half
    half=$(mktemp -d "$build_cache/half.XXXXXX")
    # shellcheck disable=SC2064  # the folder of now is meant
    trap "rm -rf '$half'" EXIT
    mkdir "$half/bin" "$half/images"
    build_components "$half/bin"
    build_pause_image "$half"
    chmod 755 "$half"
    mv -T "$half" "$folder"
}

# Kubernetes reports the version that the linker writes into it.
build_components() {
    local bin=$1 version rest minor name
    version=$(sed -n 's#^\tk8s.io/kubernetes \(v[0-9.]*\).*#\1#p' "$source_folder/controlplane/go.mod")
    rest=${version#v*.}
    minor=${rest%%.*}
    local at=k8s.io/component-base/version
    (
        cd "$source_folder/controlplane"
        nice -n 10 go build -trimpath -buildvcs=false -o "$bin/kubernetes" -ldflags \
            "-s -w -X $at.gitVersion=$version -X $at.gitMajor=1 -X $at.gitMinor=$minor" .
    )
    for name in "${components[@]}"; do ln -s kubernetes "$bin/$name"; done
}

# buildah's own storage goes with the half-built folder.
build_pause_image() {
    local half=$1
    mkdir "$half/context"
    (
        cd "$source_folder/pause"
        CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w" -o "$half/context/pause" main.go
    )
    local buildah=(buildah --storage-driver vfs --root "$half/storage" --runroot "$half/run")
    "${buildah[@]}" build --quiet --isolation chroot --tag localhost/pause:1 \
        --file "$source_folder/pause/Containerfile" "$half/context" >/dev/null
    "${buildah[@]}" push --quiet localhost/pause:1 "oci-archive:$half/images/pause.tar:localhost/pause:1"
    rm -rf "$half/context" "$half/storage" "$half/run"
}
