"""`ttlSecondsAfterFinished`: a finished job is removed after a time; its output stays.

Owns: when that is.
"""

from datetime import datetime, timedelta

from autosearch.api.job import AutoSearchJob
from autosearch.api.meta import is_true

CLEANING = timedelta(minutes=10)
"""How much longer a job stays for its cleaner, which would be deleted with it."""
# A clock that was set wrong is set right some day; nobody should sleep for years because of it.
_LONGEST_SLEEP = timedelta(days=1)


def due(job: AutoSearchJob, now: datetime, *, cleaning_up: bool) -> datetime | None:
    """Give when a job is to be removed, or looked at again; at or before `now`: remove it now. None: never.

    The end may lie in the future by our clock, as another machine's wrote it: then the job simply stays until its time
    has passed by ours.
    """
    seconds, end = job.spec.ttl_seconds_after_finished, job.status.completion_time
    if seconds is None or end is None or not is_true(job.status.conditions, "Finished"):
        return None
    wanted = end + timedelta(seconds=seconds) + (CLEANING if cleaning_up else timedelta())
    return min(wanted, now + _LONGEST_SLEEP)
