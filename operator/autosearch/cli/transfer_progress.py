"""How far a transfer is, on standard error.

Owns: one line that changes on a terminal, and one line for each quarter anywhere else.
"""

import sys
from time import monotonic

from autosearch.kubernetes.transfer import Told

_EVERY = 0.2
_STEP = 1000


class Progress:
    """Shows one transfer."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._live = sys.stderr.isatty()
        self._began: float | None = None
        self._shown = 0.0
        self._quarter = -1
        self._open = False

    def told(self, longest_wait: float) -> Told:
        """Give the functions to be called."""
        return Told(self.show, self.note, longest_wait)

    def show(self, done: int, size: int) -> None:
        """Say how many bytes of how many have been moved."""
        now = monotonic()
        self._began = self._began if self._began is not None else now
        quarter = 4 if done >= size else 4 * done // size
        if self._live and (now - self._shown > _EVERY or done >= size):
            self._shown, self._open = now, True
            print(f"\r\033[K{self._line(done, size, now - self._began)}", end="", file=sys.stderr, flush=True)
        elif not self._live and quarter > self._quarter:
            print(self._line(done, size, now - self._began), file=sys.stderr, flush=True)
        self._quarter = max(quarter, self._quarter)

    def note(self, text: str) -> None:
        """Tell something beside the progress."""
        self.end()
        print(f"note: {text}", file=sys.stderr)

    def end(self) -> None:
        """Leave the line that was changing."""
        if self._open:
            print(file=sys.stderr)
            self._open = False

    def _line(self, done: int, size: int, seconds: float) -> str:
        share = 100 if done >= size else 100 * done // size
        speed = f", {in_bytes(int(done / seconds))}/s" if seconds > 1 else ""
        return f"{self._verb} {in_bytes(done)} of {in_bytes(size)}: {share} %{speed}"


def in_bytes(count: float) -> str:
    """Write a number of bytes for people: `950 B`, `1.2 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < _STEP:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= _STEP
    return f"{count:.1f} TB"
