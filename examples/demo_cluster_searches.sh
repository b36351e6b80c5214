#!/bin/bash
# The part of `make demo-cluster` that any cluster can do: install AutoSearch, run two searches, fetch what they found.
#
#   KUBECONFIG=... demo_cluster_searches.sh DIR
#
# Where AutoSearch is not there yet, IMAGE names the operator's image, such as registry.example/autosearch:0.1.0, and it
# is removed at the end; one that is there is used and left. All else happens in the namespace autosearch-demo, which is
# made anew and removed at the end. KEEP=1 leaves everything.
#
#   TRIAL_IMAGE     an image with scikit-learn 1.9, sh, tar and sha256sum, as tools/cluster/images/sklearn.Dockerfile makes
#   STORAGE_CLASS   of the two claims, otherwise the cluster's default
#   ACCESS_MODE     of the two claims, otherwise ReadWriteOnce, which is enough where all pods are on one node
#
# demo_cluster.sh sets DEMO_OWN_NODE: the node is its own, has neither storage class nor users, and goes as a whole.
set -euo pipefail

output=${1:?where the demo may write, such as demo-output-cluster}
here=$(cd "$(dirname "$0")" && pwd)
space=autosearch-demo system=autosearch-system
trial_image=${TRIAL_IMAGE:-localhost/trial-sklearn:1}
own_node=${DEMO_OWN_NODE:-}
access=${ACCESS_MODE:-${own_node:+ReadWriteMany}} access=${access:-ReadWriteOnce}
if [ -z "${TRIAL_IMAGE:-}$own_node" ]; then
    echo "error: name an image of your cluster's that has scikit-learn 1.9: TRIAL_IMAGE=registry.example/sklearn:1;" >&2
    echo "       tools/cluster/images/sklearn.Dockerfile makes one" >&2
    exit 2
fi
ours=

say() {
    if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$1"; else printf '\n%s\n' "$1"; fi
}

# Show a command as one would type it, and run it.
run() {
    echo "\$ $*"
    "$@"
}

# What a person would look at first.
reasons() {
    say "What the cluster says"
    kubectl -n $space get asj,ast,pods || true
    kubectl -n $space get asj -o \
        jsonpath='{range .items[*]}{range .status.conditions[*]}{.type}={.status} {.reason}: {.message}{"\n"}{end}{end}' || true
    kubectl -n $space get events --field-selector type=Warning | tail -n 10 || true
    kubectl -n $system get pods || true
    kubectl -n $system logs deployment/autosearch --tail=20 || true
}

remove() {
    kubectl delete namespace $space --ignore-not-found > /dev/null
    [ -z "$own_node" ] || kubectl delete pv $space-datasets $space-results --ignore-not-found > /dev/null
    if [ -n "$ours" ]; then
        helm uninstall autosearch --namespace $system > /dev/null
        kubectl delete namespace $system > /dev/null
    fi
}

finish() {
    local code=$?
    trap - EXIT
    trap '' INT TERM
    if [ "$code" != 0 ]; then
        echo "error: the demo ended with exit code $code" >&2
        reasons
    fi
    # A node of ours goes as a whole.
    if [ -z "${KEEP:-}$own_node" ]; then
        say "Cleaning up"
        remove || code=1
    fi
    exit "$code"
}

install() {
    # On a node of ours it is always made anew, from the present chart and image.
    [ -z "$own_node" ] || helm uninstall autosearch --namespace $system --ignore-not-found --wait > /dev/null 2>&1
    if [ -z "$own_node" ] && kubectl get crd autosearchjobs.autosearch.dev > /dev/null 2>&1; then
        echo "AutoSearch is there already: it is used as it is"
        return
    fi
    local name=${IMAGE:-autosearch/operator} settings=(--set crds.keep=false)
    if [ -z "${IMAGE:-}$own_node" ]; then
        echo "error: AutoSearch is not on this cluster: name the operator's image, IMAGE=registry.example/autosearch:0.1.0" >&2
        exit 2
    fi
    case ${name##*/} in
        *@*) settings+=(--set "image.digest=${name#*@}") ;;
        *:*) settings+=(--set "image.tag=${name##*:}") ;;
    esac
    name=${name%@*}
    [[ ${name##*/} != *:* ]] || name=${name%:*}
    ours=1
    run helm install autosearch charts/autosearch --namespace $system --create-namespace \
        --set "image.repository=$name" "${settings[@]}" > "$output/helm.txt"
    head -n 3 "$output/helm.txt"
}

# A claim: of a storage class, or a folder of a node of ours.
claim() {
    local name=$1 more=
    if [ -n "$own_node" ]; then
        more="storageClassName: '', volumeName: $space-$name,"
        cat << END
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: $space-$name}
spec:
  accessModes: [$access]
  capacity: {storage: 1Gi}
  storageClassName: ''
  claimRef: {namespace: $space, name: $name}
  hostPath: {path: /var/tmp/$space/$name, type: DirectoryOrCreate}
END
    elif [ -n "${STORAGE_CLASS:-}" ]; then
        more="storageClassName: $STORAGE_CLASS,"
    fi
    cat << END
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: $name, namespace: $space}
spec: {$more accessModes: [$access], resources: {requests: {storage: 1Gi}}}
END
}

# An example's own job file, with the image that is here, and fewer rounds, more at once, for a short demo.
job() {
    sed -E "s#image: my/.*#image: $trial_image#; s/parallelTrials: .*/parallelTrials: $2/; s/rounds: 10/rounds: 5/" \
        "examples/$1/job.yaml" > "$output/$1.yaml"
}

trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p "$output"
output=$(cd "$output" && pwd)
rm -rf "$output"/{data,sklearn-digits,pbt-digits}{,.yaml,.html}
cd "$here/.."

say "3/5  AutoSearch, from its chart; data, onto a claim"
kubectl delete namespace $space --ignore-not-found
[ -z "$own_node" ] || kubectl delete pv $space-datasets $space-results --ignore-not-found
install
run kubectl create namespace $space
{ claim datasets; claim results; } | kubectl apply -f -
python examples/make_data.py "$output/data" digits
run autosearch push "$output/data/digits" pvc://datasets/digits --replace --image "$trial_image" -n $space
[ -z "$ours" ] || run kubectl -n $system rollout status deployment/autosearch --timeout=3m

say "4/5  Two searches at once: TPE by kubectl, Population Based Training by autosearch"
run kubectl -n $space create configmap sklearn-digits-code --from-file=examples/sklearn-digits/train.py
job sklearn-digits 2
run kubectl -n $space apply -f "$output/sklearn-digits.yaml"
job pbt-digits 4
run autosearch submit -f "$output/pbt-digits.yaml" --code examples/pbt-digits --watch -n $space
run kubectl -n $space wait --for=condition=Finished asj/sklearn-digits --timeout=10m
run kubectl -n $space get asj
run kubectl -n $space get pods --sort-by=.metadata.creationTimestamp | tail -n 5

say "5/5  The best models, from the cluster's volume to this machine; the report pages"
for name in sklearn-digits pbt-digits; do
    run autosearch pull $name "$output/$name" -n $space
    run autosearch report $name -o "$output/$name.html" -n $space
done
say "Checked here, with the pulled models and the held-out data"
python examples/check_cluster_demo.py "$output" $space
