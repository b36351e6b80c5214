"""What keeps a trial from starting, and what a sidecar says while it works.

Owns: the fault that ends a sidecar, and its log. It decides nothing.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator


class Fault(Exception):  # noqa: N818 - a verdict on the pod, not an error of this program
    """What keeps a trial from starting.

    Attributes:
        word: one word for programs, such as `CopyFailed`; the condition's reason.
    """

    def __init__(self, word: str, message: str) -> None:
        super().__init__(message)
        self.word = word


@contextlib.contextmanager
def fault_on_error(word: str, doing: str) -> Iterator[None]:
    """Turn an `OSError` within into a `Fault` that says what was being done, and to what."""
    try:
        yield
    except OSError as error:
        raise Fault(word, f"{doing}: {in_words(error)}") from error


def in_words(error: OSError) -> str:
    """Give an error of the system without its number: the path, what went wrong, and advice where there is some."""
    said = error.strerror or str(error)
    advice = {
        "No space left on device": ": the node's disk, or the volume's size limit, is full",
        "Permission denied": ": the sidecar's user may not do that (see the volume's mode, owner and fsGroup)",
    }.get(said, "")
    return f"{error.filename}: {said}{advice}" if error.filename else f"{said}{advice}"


def say(text: str) -> None:
    """Write one line to the container's log; that nobody takes it is no fault."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"autosearch sidecar: {text}\n")
        sys.stderr.flush()
