"""`autosearch run`: a search on this machine, shown while it runs, with a report page at its end."""

import argparse
import sys
from pathlib import Path

from autosearch.api.job import AutoSearchJob
from autosearch.api.meta import find_condition, is_true
from autosearch.cli.files import read_job
from autosearch.local.live_view import LiveView
from autosearch.local.runner import open_results, run_search
from autosearch.views.live import LiveProgress


def main(arguments: argparse.Namespace) -> int:
    """Run the search; 0 complete, 1 failed."""
    from rich.console import Console

    job, notes = read_job(arguments.file, name=arguments.name, command=arguments.script, parallel=arguments.parallel)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    progress = LiveProgress(Console(force_terminal=False if arguments.plain else None))
    finished = _finished_before(arguments.output)
    job = run_search(
        job,
        output=arguments.output,
        code=arguments.code,
        train_data=arguments.train_data,
        test_data=arguments.test_data,
        listener=_Watcher(progress),
    )
    return _close(job, arguments.output, progress, finished_before=finished)


class _Watcher:
    """Passes what the runner shows to the live view, and its one notice to people."""

    def __init__(self, progress: LiveProgress) -> None:
        self._progress = progress
        self._notice = ""

    def __call__(self, view: LiveView) -> None:
        if view.notice and view.notice != self._notice:
            print(f"note: {view.notice}", file=sys.stderr)
            self._notice = view.notice
        if not view.over:
            trials = list(view.trials.values())
            self._progress.update(view.job, trials, view.now, running=view.runs, draining=view.draining)


def _finished_before(output: Path) -> bool:
    if not (output / "job.json").exists():
        return False
    job, _ = open_results(output)
    return is_true(job.status.conditions, "Finished")


def _close(job: AutoSearchJob, output: Path, progress: LiveProgress, *, finished_before: bool) -> int:
    from autosearch.views.report import write_report

    job, trials = open_results(output)
    if finished_before:
        print(f"the search in {output} is finished; give another --output to search again")
    progress.finish(job, trials)
    page = write_report(job, trials, output / "report.html")
    print(f"report: {page}")
    failed = find_condition(job.status.conditions, "Failed")
    if failed is not None and failed.status == "True":
        print(f"autosearch: {failed.reason}: {failed.message}", file=sys.stderr)
        return 1
    return 0
