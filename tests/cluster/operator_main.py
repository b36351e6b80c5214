"""`autosearch operator`, which writes what each of its tasks waits for to its log when it gets SIGUSR1.

A test that fails asks for it: a search that stands still is explained by what the operator waits for.
"""

import asyncio
import signal
import sys
from collections.abc import Iterator
from typing import Any

from autosearch.cli import main


def show_tasks(*_: object) -> None:
    """Write where each task of the running loop waits, the innermost place last, to stderr."""
    for task in asyncio.all_tasks():
        print(task.get_name(), *places(task.get_coro()), file=sys.stderr)


def places(waiting: Any) -> Iterator[str]:
    """Give file and line of a coroutine, and of all that it waits for."""
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "ag_frame", None)
        if frame is not None:
            yield f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}:{frame.f_code.co_name}"
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "ag_await", None)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, show_tasks)
    sys.exit(main(["operator", *sys.argv[1:]]))
