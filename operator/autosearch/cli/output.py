"""Where commands print to.

Owns: what happens when the reader has gone: `autosearch results DIR | head -1` ends well, and a search goes on unseen.
"""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


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
