"""The commands and their flags.

Owns: every word of `--help`. Nothing but the standard library is imported here.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from autosearch.cli.cluster_arguments import SEARCH_HELP, WHERE, add_cluster_commands, add_search
from autosearch.cli.operator_arguments import add_operator_command

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse has no public name for it

_RUN = """\
Run a search as local processes. The same command again goes on where it was; a finished search says so.
Ctrl-C once lets the running trials end and starts no more, twice ends them; nothing is lost.

In the output folder: best (the best model's folder), report.html, logs/<trial>.log (what a trial printed),
output/<job id>/<trial>/ (what it saved), job.json and trials/ (the objects, with all results).
Between runs these may change: parallelTrials, maxFailedTrials, time limits; maxTrials and rounds may grow.
"""
FILE_HELP = "AutoSearchJob or vendor YAML; - reads standard input"


def add_commands(commands: "Commands") -> None:
    """Declare all commands."""
    for add in (_run, _validate, _convert, _lint, _results, _report):
        add(commands)
    add_cluster_commands(lambda name, summary, text: _command(commands, name, summary, text), FILE_HELP)
    add_operator_command(lambda name, summary, text: _command(commands, name, summary, text))


def _command(commands: "Commands", name: str, summary: str, description: str) -> argparse.ArgumentParser:
    made = commands.add_parser(
        name, help=summary, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.set_defaults(module=name)
    return made


def _run(commands: "Commands") -> None:
    made = _command(
        commands,
        "run",
        "run a search on this machine",
        _RUN,
    )
    made.add_argument("-f", "--file", required=True, metavar="FILE", help=FILE_HELP)
    made.add_argument(
        "--output", required=True, type=Path, metavar="DIR", help="models, logs, state and report go here"
    )
    made.add_argument("--name", help="name of the search (default: the file's, else its file name)")
    made.add_argument("--code", type=Path, metavar="DIR", help="folder copied into each trial's working directory")
    made.add_argument(
        "--command", dest="script", metavar="CMD", help="what starts the script, such as 'python train.py'"
    )
    made.add_argument("--train-data", type=Path, metavar="DIR", help="what the script finds as ./train_data")
    made.add_argument("--test-data", type=Path, metavar="DIR", help="what the script finds as ./test_data")
    made.add_argument("--parallel", type=int, metavar="N", help="trials at once (default: the file's parallelTrials)")
    made.add_argument("--plain", action="store_true", help="plain lines instead of a live picture")


def _validate(commands: "Commands") -> None:
    made = _command(
        commands, "validate", "check a job file", "Check a job file and tell everything that is wrong with it."
    )
    made.add_argument("-f", "--file", required=True, metavar="FILE", help=FILE_HELP)


def _convert(commands: "Commands") -> None:
    made = _command(
        commands,
        "convert",
        "turn a vendor YAML into an AutoSearchJob",
        "Print the AutoSearchJob that a vendor YAML (search_strategy, search_space, ...) stands for.",
    )
    made.add_argument("-f", "--file", required=True, metavar="FILE", help="vendor YAML; - reads standard input")
    made.add_argument("--name", help="name of the search (default: the file's name)")
    made.add_argument(
        "--into", metavar="BASE", help="AutoSearchJob that has the template and volumes; its search is replaced"
    )
    made.add_argument(
        "--command", dest="script", metavar="CMD", help="what starts the script, such as 'python train.py'"
    )


def _lint(commands: "Commands") -> None:
    made = _command(
        commands,
        "lint",
        "check a training script against the contract",
        "Read a training script, without running it, and tell where it breaks the contract.\n"
        "docs/write-a-script.md explains each rule. Exit code 2 if there are errors; warnings alone are 0.",
    )
    made.add_argument("script", type=Path, metavar="SCRIPT", help="the training script, a Python file")
    made.add_argument("-f", "--file", metavar="FILE", help="job whose parameters the script must declare")


def _results(commands: "Commands") -> None:
    made = _command(
        commands,
        "results",
        "show a search's trials",
        f"Show the trials of a search, best first; also while it runs.\n{SEARCH_HELP}{WHERE}",
    )
    add_search(made)
    made.add_argument("--json", action="store_true", help='print {"job": AutoSearchJob, "trials": [Trial, ...]}')


def _report(commands: "Commands") -> None:
    made = _command(
        commands,
        "report",
        "write a search's report page",
        f"Write one HTML page about a search; it needs no network.\n{SEARCH_HELP}{WHERE}",
    )
    add_search(made)
    made.add_argument(
        "-o",
        "--to",
        type=Path,
        metavar="FILE",
        help="where to write (default: report.html in the run's folder; for a job on a cluster JOB-report.html here)",
    )
