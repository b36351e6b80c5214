#!/bin/bash
# The whole system with real pods: `make demo-cluster`.
#
#   demo_cluster.sh DIR     best models and report pages go to DIR
#
# Starts a Kubernetes of one node on this machine (tools/cluster/cluster says what that needs), makes the images known to
# it, and runs demo_cluster_searches.sh in its network. The node is taken down at the end, also after an error or Ctrl-C;
# with KEEP=1 it stays, and one that was up before stays in any case. With KUBECONFIG set nothing is started: the
# searches run on that cluster.
set -euo pipefail

output=${1:?where the demo may write, such as demo-output-cluster}
here=$(cd "$(dirname "$0")" && pwd)
tools=$(cd "$here/../tools/cluster" && pwd)
began=$SECONDS

if [ -n "${KUBECONFIG:-}" ]; then exec "$here/demo_cluster_searches.sh" "$output"; fi

say() {
    if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$1"; else printf '\n%s\n' "$1"; fi
}

finish() {
    local code=$?
    trap - EXIT
    # A second Ctrl-C must not leave half a node behind.
    trap '' INT TERM
    if [ -n "$stays" ]; then
        say "The node stays up."
        echo "  tools/cluster/cluster exec kubectl -n autosearch-demo get asj,ast,pods"
        echo "  tools/cluster/cluster exec bash         # a shell in which kubectl and autosearch reach it"
        echo "  tools/cluster/cluster down              # ends it; nothing is left of it"
    else
        "$tools/cluster" down || code=1
    fi
    [ "$code" != 0 ] || say "Done in $((SECONDS - began)) s"
    exit "$code"
}

stays=
say "1/5  A node: containerd, kubelet, API server, scheduler, controllers"
if "$tools/cluster" status > /dev/null 2>&1; then stays=1; fi
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
"$tools/cluster" up
stays=${KEEP:-$stays}

say "2/5  Images: AutoSearch's own, and one with scikit-learn that knows nothing of it"
for image in operator sklearn; do
    # Two steps: an error of the first would not end the script as a part of the second.
    archive=$("$tools/image" "$image")
    "$tools/cluster" load-image "$archive"
done
DEMO_OWN_NODE=1 "$tools/cluster" exec "$here/demo_cluster_searches.sh" "$output"
