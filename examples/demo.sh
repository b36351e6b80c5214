#!/bin/bash
# Two real searches, one after the other: `make demo`.
#
# Starts anew each time; with KEEP=1 it goes on with what the folder holds: a finished search says so.
set -euo pipefail

output=${1:?where the demo may write, such as demo-output}
here=$(cd "$(dirname "$0")" && pwd)
began=$SECONDS

say() {
    if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$1"; else printf '\n%s\n' "$1"; fi
}

search() {
    local name=$1 example=$2
    say "$3"
    echo "\$ autosearch run -f examples/$example/job.yaml --code examples/$example --train-data $data/train --test-data $data/test --output $output/$name"
    autosearch run -f "$here/$example/job.yaml" --code "$here/$example" \
        --train-data "$data/train" --test-data "$data/test" --output "$output/$name"
}

if [ -z "${KEEP:-}" ]; then
    rm -rf "$output"/{data,bayesian,pbt}
fi
mkdir -p "$output"
data=$output/data/digits
python "$here/make_data.py" "$output/data" digits

search bayesian sklearn-digits "1/2  Bayesian search: which support vector machine reads handwritten digits best?"
search pbt pbt-digits "2/2  Population Based Training: eight networks train side by side, the worse take over the weights of the better"

say "Done in $((SECONDS - began)) s"
python "$here/check_demo.py" "$output"
