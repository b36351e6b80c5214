"""The command `autosearch sidecar`: arguments in, exit codes out.

Owns: the words of its command line. It starts in a fraction of the time that the rest of `autosearch` takes to load.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from autosearch.sidecar.faults import Fault, fault_on_error, in_words, say
from autosearch.sidecar.places import Places

if TYPE_CHECKING:
    import argparse

DONE, FAILED, WRONG_INPUT = 0, 1, 2

_DESCRIPTION = """\
What runs beside a trial in its pod. The operator starts it; nobody else needs to.

Without a flag: take the reports of one attempt, as AUTOSEARCH_SIDECAR says, until SIGTERM. Code and SDK are copied in
first. The accepted report, a refusal or a fault is the container's termination message.
"""
_EPILOG = """\
exit codes:
  0    done
  1    the trial cannot start, a copy failed, or a directory is not gone; the log says why
  2    the arguments are wrong
"""


def main(argv: Sequence[str]) -> int:
    """Run the command and give its exit code."""
    if not argv:
        from autosearch.sidecar.serving import serve  # noqa: PLC0415 - each way needs its own modules alone

        return serve(Places(), os.environ)
    arguments = parser().parse_args(argv)
    places = Places.below(arguments.root)
    if arguments.copy is not None:
        return _copy(arguments.copy[0], arguments.copy[1], places)
    if arguments.remove is not None:
        return _remove(arguments.remove, places)
    from autosearch.sidecar.serving import serve  # noqa: PLC0415 - only what is needed: each pod pays

    return serve(places, os.environ)


def parser() -> argparse.ArgumentParser:
    """Give the parser; it costs time that serving does not have."""
    import argparse  # noqa: PLC0415 - only what is needed: each pod pays

    made = argparse.ArgumentParser(
        prog="autosearch sidecar",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    ways = made.add_mutually_exclusive_group()
    ways.add_argument(
        "--copy",
        nargs=2,
        metavar=("FROM", "TO"),
        help="copy a folder's contents into a folder, writable for any user; links stay links, pipes are refused",
    )
    ways.add_argument(
        "--remove",
        nargs="+",
        metavar="DIR",
        help="remove these directories from the output folder that is mounted; one that is gone already is fine",
    )
    made.add_argument("--root", default="", metavar="DIR", help="look for all fixed paths below DIR; for tests")
    return made


def _copy(source: str, target: str, places: Places) -> int:
    from autosearch.sidecar.copying import copy_folder  # noqa: PLC0415 - only what is needed: each pod pays
    from autosearch.sidecar.keeping import write_message  # noqa: PLC0415 - only what is needed: each pod pays
    from autosearch.sidecar.settings import Verdict  # noqa: PLC0415 - only what is needed: each pod pays

    try:
        with fault_on_error("CopyFailed", "data: the private copy failed"):
            copy_folder(source, target)
    except Fault as fault:
        say(str(fault))
        write_message(places.termination_log, Verdict(fault=fault.word, message=str(fault)))
        return FAILED
    return DONE


def _remove(names: Sequence[str], places: Places) -> int:
    from autosearch.sidecar.removing import remove  # noqa: PLC0415 - only what is needed: each pod pays

    try:
        return DONE if remove(places.output, names) else FAILED
    except ValueError as error:
        say(f"--remove: {error}")
        return WRONG_INPUT
    except OSError as error:
        say(f"the output folder cannot be opened: {in_words(error)}")
        return FAILED
