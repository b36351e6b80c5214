#!/bin/sh
# Resolve the dependencies anew and write the hashed lists: lock.sh UV [extra options, such as --upgrade]
#
# One resolution for all supported Pythons (3.11 and later). The smaller lists are held to the versions of dev.txt, so
# that one environment serves them all. No index address is written.
set -eu
uv=$1
shift

lock_file() {
    file=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
        --custom-compile-command "make lock" --output-file "$file" "$@"
    echo "$file"
}

lock() {
    list=$1
    shift
    lock_file "requirements/$list.txt" "$@"
}

lock dev pyproject.toml --all-extras --group dev "$@"
lock demo pyproject.toml --group demo --constraints requirements/dev.txt
lock runtime pyproject.toml --constraints requirements/dev.txt
lock build --group build --constraints requirements/dev.txt
lock operator requirements/operator.in --constraints requirements/dev.txt
lock tools --group tools "$@"
lock tensorflow --group tensorflow "$@"
lock paddle --group paddle "$@"
lock_file tools/cluster/images/sklearn.txt tools/cluster/images/sklearn.in "$@"
