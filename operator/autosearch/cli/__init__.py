"""The command `autosearch`: arguments in, exit codes out.

Owns: the words of the command line and what each exit code means. It does no work itself, and imports a command's
code only when the command is called: `autosearch --help` answers at once.
"""

import argparse
import sys
from collections.abc import Sequence

from autosearch import __version__
from autosearch.cli.arguments import add_commands

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130

EXIT_CODES = """\
exit codes:
  0    done: the search is complete, the input is right, the page is written
  1    the search failed, or the machine refused what it needs; the message says why
  2    the input is wrong: each line names a field, what was found and what to write instead
  130  interrupted, or the job says `suspend: true`; the same command goes on where it was
"""


def parser() -> argparse.ArgumentParser:
    """Give the whole command line's parser; docs/cli.md is made from it."""
    made = argparse.ArgumentParser(
        prog="autosearch",
        description="Search the best hyper-parameters for a training script, on this machine or on a cluster.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=f"autosearch {__version__}")
    add_commands(made.add_subparsers(dest="command", metavar="COMMAND", required=True))
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    words = sys.argv[1:] if argv is None else argv
    if list(words[:1]) == ["sidecar"]:
        # A trial waits for it, and its memory is each pod's: nothing else is loaded.
        from autosearch.sidecar.main import main as sidecar

        return sidecar(words[1:])
    arguments = parser().parse_args(words)
    try:
        return _call(arguments)
    except BrokenPipeError:
        from autosearch.cli.output import fall_silent

        # The reader of our output has gone, as `head` does; that is no fault.
        fall_silent()
        return DONE
    except KeyboardInterrupt:
        return INTERRUPTED


def _call(arguments: argparse.Namespace) -> int:
    from importlib import import_module

    from autosearch.api.errors import AutoSearchError, InvalidInputError, StateConflictError

    try:
        code: int = import_module(f"autosearch.cli.{arguments.module}").main(arguments)
    except (InvalidInputError, StateConflictError) as error:
        print(f"autosearch: {error}" if isinstance(error, StateConflictError) else error, file=sys.stderr)
        return WRONG_INPUT
    except AutoSearchError as error:
        print(f"autosearch: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"autosearch: {error.filename or 'standard output'}: {error.strerror}", file=sys.stderr)
        return FAILED
    return code
