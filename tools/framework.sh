#!/bin/bash
# Make a Python that can import one framework, for the test of its example:
#
#   framework.sh tensorflow | paddle | pytorch
#
# The last line of output, the only one on stdout, is that Python. It is made once, in a cache outside the tree
# (XDG_CACHE_HOME, otherwise ~/.cache): TensorFlow 1.4 GB, Paddle 0.8 GB, PyTorch 0.7 GB. The first two come from the
# package index by a lock, as wheels. PyTorch's wheels hold 5 GB for GPUs: it is taken from Debian's packages, unpacked
# beside the system and not installed into it. Exit code 3: not to be had on this machine; the last words say why.
# Environment: PYTHON, otherwise python3; it makes the environments of the first two.
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:-}
python=${PYTHON:-python3}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/autosearch-tools/frameworks

say() { printf 'framework: %s\n' "$*" >&2; }
cannot() { say "$*"; exit 3; }
digest() { cat "$@" | sha256sum | cut -c1-16; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif sudo -n true 2> /dev/null; then sudo -n "$@"; else return 1; fi
}

from_index() {  # FOLDER
    say "installing $name from requirements/$name.txt"
    "$python" -m venv "$1" >&2 || cannot "$python cannot make a virtual environment"
    local uv=.venv/bin/uv
    if [ -x "$uv" ]; then
        "$uv" pip install --quiet --python "$1/bin/python" --require-hashes --only-binary :all: -r "requirements/$name.txt" >&2
    else
        "$1/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
            -r "requirements/$name.txt" >&2
    fi || cannot "$name cannot be installed from the package index for $("$python" --version)"
}

wanted() { LC_ALL=C apt-get install -s --no-install-recommends python3-torch libopenblas0-pthread 2> /dev/null | awk '$1 == "Inst" { print $2 }'; }

from_debian() {  # FOLDER
    { command -v apt-get && command -v dpkg && [ -x /usr/bin/python3 ]; } > /dev/null ||
        cannot "PyTorch is taken from Debian's or Ubuntu's packages, with the system's own Python; this system is another"
    local list
    list=$(wanted) || { as_root apt-get update -q >&2 && list=$(wanted); } ||
        cannot "apt knows no package python3-torch: do sudo apt-get update, or install it"
    say "unpacking python3-torch and $(wc -w <<< "$list") packages that it needs"
    mkdir -p "$1/packages" "$1/root" "$1/bin"
    if [ -n "$list" ]; then
        # shellcheck disable=SC2086 # one word for each package
        (cd "$1/packages" && apt-get -q download $list >&2) || cannot "the packages of python3-torch cannot be fetched"
        find "$1/packages" -name '*.deb' -print0 | xargs -0 -P 2 -I DEB dpkg -x DEB "$1/root"
    fi
    rm -rf "$1/packages" "$1"/root/usr/share "$1"/root/var
    cat > "$1/bin/python" << 'END'
#!/bin/sh
# The system's Python with the packages beside this file; what the caller wants to be found goes before them.
root=$(cd "$(dirname "$0")/../root" && pwd)
libraries=$root/usr/lib/$(/usr/bin/python3 -c 'import sysconfig; print(sysconfig.get_config_var("MULTIARCH"))')
export LD_LIBRARY_PATH=$libraries:$libraries/openblas-pthread:$root/usr/lib:$root/lib/${libraries##*/}
export PYTHONPATH=${PYTHONPATH:+$PYTHONPATH:}$root/usr/lib/python3/dist-packages
exec /usr/bin/python3 "$@"
END
    chmod +x "$1/bin/python"
}

case $name in
    tensorflow) import=tensorflow make=from_index key=$(digest "requirements/$name.txt" <("$python" -VV)) ;;
    paddle) import=paddle make=from_index key=$(digest "requirements/$name.txt" <("$python" -VV)) ;;
    pytorch) import=torch make=from_debian key=$(digest tools/framework.sh /etc/os-release <(uname -m)) ;;
    *) say "the argument must be tensorflow, paddle or pytorch, not '$name'"; exit 2 ;;
esac
done=$cache/$name-$key
mkdir -p "$cache"
exec 9> "$cache/$name.lock"
flock 9
if [ ! -x "$done/bin/python" ]; then
    new=$(mktemp -d "$cache/.$name.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    "$make" "$new" 9>&-
    "$new/bin/python" -c "import $import" >&2 || cannot "$name is installed, and cannot be imported"
    # Earlier versions are of no use any more, and large.
    rm -rf "$cache/$name"-*
    mv "$new" "$done"
fi
printf '%s\n' "$done/bin/python"
