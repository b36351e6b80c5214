"""`python -m autosearch.sidecar` is the command `autosearch sidecar`."""

import sys

from autosearch.sidecar.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
