"""Where commands print to.

Owns: what happens when the reader has gone (`autosearch results DIR | head -1` ends well, and a search goes on unseen),
and the last line about a search that failed.
"""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from autosearch.api.job import AutoSearchJob


def console(*, plain: bool = False) -> "Console":
    """Give a console on standard output; `plain` writes lines even to a terminal."""
    from rich.console import Console

    class Ours(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Ours(force_terminal=False if plain else None)


def fall_silent() -> None:
    """Send standard output to nowhere from now on: its reader has gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def has_failed(job: "AutoSearchJob") -> bool:
    """Say whether a search has failed, and print so."""
    from autosearch.api.meta import find_condition

    failed = find_condition(job.status.conditions, "Failed")
    if failed is None or failed.status != "True":
        return False
    print(f"autosearch: the search failed ({failed.reason}); what it says is above", file=sys.stderr)
    return True
