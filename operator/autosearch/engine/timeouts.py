"""Runs that take too long: past `trialTimeoutSeconds`, or alive long after their final report.

Owns: the limits on a single run. The reason is on record before the run is ended.
"""

from datetime import datetime, timedelta

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
            due, reason = (run.reported or work.now) + AFTER_REPORT, "HungAfterReport"
        elif limit is not None and run.started is not None:
            due, reason = run.started + timedelta(seconds=limit), "TimedOut"
        else:
            continue
        if _is_due(work, due):
            work.stop(trial, run, reason)


def _is_due(work: Work, due: datetime) -> bool:
    if work.now >= due:
        return True
    work.wake(due)
    return False
