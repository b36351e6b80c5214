"""`autosearch run`: a search on this machine, shown while it runs, with a report page at its end."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from autosearch.api.errors import AutoSearchError
from autosearch.api.job import AutoSearchJob
from autosearch.api.meta import is_true
from autosearch.api.trial import Trial
from autosearch.cli.files import read_job
from autosearch.cli.output import console, fall_silent, has_failed
from autosearch.local.live_view import LiveView
from autosearch.local.runner import SearchInterruptedError, open_results, run_search
from autosearch.views.live import LiveProgress

INTERRUPTED = 130


def main(arguments: argparse.Namespace) -> int:
    """Run the search; 0 complete, 1 failed, 130 interrupted or suspended."""
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
    progress = LiveProgress(console(plain=arguments.plain))
    finished_before = _is_finished(arguments.output)
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
    code = _show_end(arguments.output, progress)
    if finished_before:
        told = "has failed; once the script is mended" if code else "is finished; to search again"
        print(f"the search in {arguments.output} {told}, give another --output")
    return code


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
        try:
            self._progress.update(view.job, trials, view.now, running=view.runs, draining=view.draining)
        except BrokenPipeError:
            # Nobody watches any more, which is no reason to end a search.
            fall_silent()


def _is_finished(output: Path) -> bool:
    try:
        job, _ = open_results(output)
    except AutoSearchError:
        # There is none, or something is wrong with it, which the run itself tells.
        return False
    return is_true(job.status.conditions, "Finished")


def _show_end(output: Path, progress: LiveProgress) -> int:
    """Leave the summary and the report page behind, and give the exit code that the search's state asks for."""
    job, trials = open_results(output)
    progress.finish(job, trials)
    if any(trial.status.failed_attempts for trial in trials):
        print(f"logs    {output / 'logs'}")
    _write_page(job, trials, output)
    if has_failed(job):
        return 1
    if job.spec.suspend and not is_true(job.status.conditions, "Finished"):
        print("autosearch: the job is suspended; set `suspend: false` and run the same command again", file=sys.stderr)
        return INTERRUPTED
    return 0


def _write_page(job: AutoSearchJob, trials: Sequence[Trial], output: Path) -> None:
    """Write the report page; a search is no worse for a page that does not fit on the disk."""
    from autosearch.views.report import write_report

    try:
        print(f"report  {write_report(job, trials, output / 'report.html')}")
    except OSError as error:
        print(f"autosearch: the report page cannot be written ({error.strerror})", file=sys.stderr)
