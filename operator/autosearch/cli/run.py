"""`autosearch run`: a search on this machine, shown while it runs, with a report page at its end."""

import argparse
import sys
from pathlib import Path

from autosearch.api.meta import find_condition, is_true
from autosearch.cli.files import read_job
from autosearch.local.live_view import LiveView
from autosearch.local.runner import SearchInterruptedError, open_results, run_search
from autosearch.views.live import LiveProgress

INTERRUPTED = 130


def main(arguments: argparse.Namespace) -> int:
    """Run the search; 0 complete, 1 failed, 130 interrupted or suspended."""
    from rich.console import Console

    data = {"trainData": arguments.train_data, "testData": arguments.test_data}
    job, notes = read_job(
        arguments.file,
        name=arguments.name,
        command=arguments.script,
        parallel=arguments.parallel,
        data=[field for field, folder in data.items() if folder is not None],
    )
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    progress = LiveProgress(Console(force_terminal=False if arguments.plain else None))
    if _is_finished(arguments.output):
        print(f"the search in {arguments.output} is finished; give another --output to search again")
    try:
        run_search(
            job,
            output=arguments.output,
            code=arguments.code,
            train_data=arguments.train_data,
            test_data=arguments.test_data,
            listener=_Watcher(progress),
        )
    except SearchInterruptedError as error:
        _show_end(arguments.output, progress)
        print(f"autosearch: {error}", file=sys.stderr)
        return INTERRUPTED
    return _show_end(arguments.output, progress)


class _Watcher:
    """Passes what the runner shows to the live view, and its one notice to people."""

    def __init__(self, progress: LiveProgress) -> None:
        self._progress = progress
        self._notice = ""

    def __call__(self, view: LiveView) -> None:
        if view.notice and view.notice != self._notice:
            print(f"note: {view.notice}", file=sys.stderr)
            self._notice = view.notice
        trials = list(view.trials.values())
        self._progress.update(view.job, trials, view.now, running=view.runs, draining=view.draining)


def _is_finished(output: Path) -> bool:
    if not (output / "job.json").exists():
        return False
    job, _ = open_results(output)
    return is_true(job.status.conditions, "Finished")


def _show_end(output: Path, progress: LiveProgress) -> int:
    """Leave the summary and the report page behind, and give the exit code that the search's state asks for."""
    from autosearch.views.report import write_report

    job, trials = open_results(output)
    progress.finish(job, trials)
    print(f"report  {write_report(job, trials, output / 'report.html')}")
    failed = find_condition(job.status.conditions, "Failed")
    if failed is not None and failed.status == "True":
        print(f"autosearch: {failed.reason}: {failed.message}", file=sys.stderr)
        return 1
    if job.spec.suspend:
        print("autosearch: the job is suspended; set `suspend: false` and run the same command again", file=sys.stderr)
        return INTERRUPTED
    return 0
