#!/bin/sh
# Make a virtual environment that holds uv: make_venv.sh PYTHON FOLDER
#
# Installs Debian's venv package where it is missing and we may; else says what to install.
set -eu
python=$1
venv=$2

if ! command -v "$python" > /dev/null; then
    echo "error: $python is not installed; Python 3.11 or later is needed. Name another one with: make PYTHON=/path/to/python3" >&2
    exit 2
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "error: $("$python" --version) is too old; Python 3.11 or later is needed. Name another one with: make PYTHON=python3.12" >&2
    exit 2
fi

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif sudo -n true 2> /dev/null; then sudo -n "$@"; else return 1; fi
}

if ! "$python" -c 'import ensurepip, venv' 2> /dev/null; then
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    echo "installing $package, without which $python cannot make a virtual environment"
    command -v apt-get > /dev/null && as_root apt-get update -q && as_root apt-get install -y -q --no-install-recommends "$package" || {
        echo "error: cannot install $package here; do: sudo apt-get install $package" >&2
        exit 2
    }
fi

"$python" -m venv --clear "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.txt
