"""The logs of attempts: what a person needs to see of a failed one.

Owns: reading the end of a log; a log may be of any size and hold any bytes.
"""

from pathlib import Path

_TAIL_BYTES = 2_000
_TAIL_LINES = 20


def log_tail(path: Path) -> str:
    """Give the last lines of a log, however long it is and whatever bytes it holds; "" if it cannot be read."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, 2) - _TAIL_BYTES))
            tail = log.read(_TAIL_BYTES)
    except OSError:
        return ""
    lines = tail.decode("utf-8", "replace").replace("\0", "").splitlines()
    return "\n".join(lines[-_TAIL_LINES:]).strip()
