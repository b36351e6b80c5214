#!/bin/sh
# Install the browser that opens the report page in the tests, where it is missing and we may.
set -eu

for name in chromium chromium-browser google-chrome; do
    if command -v "$name" > /dev/null; then exit 0; fi
done

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif sudo -n true 2> /dev/null; then sudo -n "$@"; else return 1; fi
}

if command -v apt-get > /dev/null && as_root apt-get update -q &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium; then
    exit 0
fi
echo "WARNING: chromium is missing and cannot be installed here: the report page will NOT be opened by the tests." >&2
echo "         Do: sudo apt-get install --no-install-recommends chromium" >&2
