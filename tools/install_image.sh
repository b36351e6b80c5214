#!/bin/sh
# Install what the image adds to its Python base into one folder:
#
#   install_image.sh libraries FOLDER   the locked libraries; makes FOLDER-build beside it, which holds the build tools
#   install_image.sh project FOLDER     the operator and the SDK; removes FOLDER-build
#
# The Dockerfile runs this, and so does the test that measures the image: one list of steps. The folder becomes a virtual
# environment without pip. It must lie where it will be used, since programs in it name their interpreter by its path.
set -eu
step=$1
folder=$2
build=$folder-build
cd "$(dirname "$0")/.."

build_pip() { "$build/bin/pip" --quiet --disable-pip-version-check --no-cache-dir "$@"; }
image_pip() { build_pip --python "$folder/bin/python" "$@"; }
packages() { "$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }

# The root file system is read-only, so that nothing is compiled later. Files' times change on their way into a layer:
# what is compiled must not depend on them.
compile() { "$folder/bin/python" -m compileall -q --invalidation-mode unchecked-hash "$@"; }

libraries() {
    python=${PYTHON:-python3}
    "$python" -m venv "$build"
    build_pip install --require-hashes --no-deps --only-binary :all: -r requirements/build.txt
    "$python" -m venv --without-pip "$folder"
    image_pip install --no-compile --require-hashes --no-deps --only-binary :all: -r requirements/operator.txt
    # What only a developer of these libraries needs: their tests, type stubs, headers, sources of extensions, programs.
    found=$(packages)
    find "$found" -type d -name tests -prune -exec rm -rf {} +
    find "$found" -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.a' -o -name '*.c' -o -name '*.h' \) -delete
    find "$folder/bin" -type f -delete
    rm -rf "$folder/include"
    compile -j 0 "$found"
}

project() {
    build_pip wheel --no-index --no-deps --no-build-isolation --wheel-dir "$build/wheels" . ./sdk
    image_pip install --no-compile --no-index --no-deps "$build"/wheels/*.whl
    found=$(packages)
    compile "$found/autosearch" "$found/autosearch_sdk" "$found/rudder_autosearch"
    rm -rf "$build"
}

case $step in
    libraries | project) "$step" ;;
    *) echo "error: the first argument must be libraries or project, not '$step'" >&2; exit 2 ;;
esac
