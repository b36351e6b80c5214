"""Runs that take too long: past `trialTimeoutSeconds`, or alive long after their final report.

Owns: the limits on a single run. The reason is on record before the run is ended.
"""

from datetime import datetime, timedelta

from autosearch.engine.snapshot import Run
from autosearch.engine.work import Work

AFTER_REPORT = timedelta(seconds=60)


def apply(work: Work) -> None:
    """End the runs whose time is over, and ask to be woken for those whose time will be."""
    limit = work.job.spec.trial_timeout_seconds
    for trial in work.unfinished():
        run = work.run_of(trial)
        if run is None or not run.alive or run.stopping:
            continue
        if run.report is not None:
            work.wake((run.reported or work.now) + AFTER_REPORT)
        elif limit is not None and run.started is not None:
            due = run.started + timedelta(seconds=limit)
            if work.now >= due:
                work.stop(trial, run, "TimedOut")
            else:
                work.wake(due)


def hangs(run: Run, now: datetime) -> bool:
    """Say whether a run is still alive long after its final report, and nobody has told it to end.

    Its result is put on record before it is ended: what is known of the report may be lost with the run.
    """
    told = run.reported if run.report is not None else None
    return run.alive and not run.stopping and told is not None and now >= told + AFTER_REPORT
