"""`housekeeping`: what to tidy up, as a pure function of what is there; the second door beside `plan`.

Owns: the order of the chores: old models, finished runs, the finished job itself. Like `plan` it is level-triggered,
and a plan that was carried out whole is followed by an empty one. It never touches what the search still needs.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from autosearch.api.job import AutoSearchJob
from autosearch.engine import cleaning, expiry, pod_history
from autosearch.engine.actions import Plan, RemoveJob, StartCleaner, UpdateJob
from autosearch.engine.memo import Memo
from autosearch.engine.snapshot import Snapshot


def housekeeping(snapshot: Snapshot, now: datetime, memo: Memo | None = None, planned: Plan | None = None) -> Plan:
    """Give the chores of a job, going on or finished.

    Args:
        snapshot: the same view of the job that `plan` had.
        now: the present time, with a time zone.
        memo: the one that `plan` had; it changes no plan.
        planned: what `plan` gave for that view; its actions are carried out first. A status of the job that is written
            here is built upon the one that was written there, and replaces it.
    """
    job = _job_after(planned, snapshot.job)
    if job.metadata.deletion_timestamp is not None:
        return Plan()
    seen = replace(snapshot, job=job)
    cleaned = cleaning.chores(seen, now, memo)
    cleaning_up = seen.cleaner is not None or any(isinstance(action, StartCleaner) for action in cleaned.actions)
    due = expiry.due(job, now, cleaning_up=cleaning_up)
    if due is not None and now >= due:
        return Plan((RemoveJob(),))
    removals = pod_history.removals(seen, memo)
    return Plan((*cleaned.actions, *removals), _earliest((cleaned.wake_at, due)))


def _job_after(planned: Plan | None, job: AutoSearchJob) -> AutoSearchJob:
    written = [action.status for action in planned.actions if isinstance(action, UpdateJob)] if planned else []
    return job.replace(status=written[-1]) if written else job


def _earliest(times: Iterable[datetime | None]) -> datetime | None:
    return min((time for time in times if time is not None), default=None)
