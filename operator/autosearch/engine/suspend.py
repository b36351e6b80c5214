"""Suspension: `spec.suspend` frees all GPUs, and resuming goes on where the search was.

Owns: what happens to runs while a job is suspended, and the start time, from which the deadline counts anew after a
resumption.
"""

from autosearch.api.meta import is_true
from autosearch.engine.work import Work


def apply(work: Work) -> None:
    """End all runs of a suspended job; note when a job starts or resumes."""
    if work.ending:
        return
    if work.job.spec.suspend:
        _suspend(work)
    elif work.status.start_time is None:
        work.status = work.status.replace(start_time=work.now)
        if is_true(work.status.conditions, "Suspended"):
            work.set_condition("Suspended", "False", "Resumed")


def _suspend(work: Work) -> None:
    for trial in work.unfinished():
        run = work.run_of(trial)
        if run is not None and run.alive and run.report is None:
            work.stop(trial, run, "Suspended")
    work.status = work.status.replace(start_time=None)
    alive = len(work.alive())
    message = f"{alive} runs are being ended" if alive else "no run is alive; set `suspend: false` to go on"
    work.set_condition("Suspended", "True", "Suspending" if alive else "Suspended", message)
