"""Suspending a search on a cluster, and letting it go on.

Owns: the one write that does it, and what is said about what follows. The operator does the rest.
"""

from autosearch.api.job import AutoSearchJob
from autosearch.api.meta import is_true
from autosearch.kubernetes.access import Cluster
from autosearch.kubernetes.objects import job_of, read_job
from autosearch.kubernetes.resources import JOBS


async def set_suspend(cluster: Cluster, name: str, *, suspend: bool, flags: str = "") -> str:
    """Set `spec.suspend`; gives a sentence about what happens next.

    Args:
        flags: put behind the commands that are suggested, with a space in front.

    Raises:
        ApiError: the API server refuses.
        EnvironmentFaultError: this version cannot read the job.
    """
    job = await read_job(cluster, name)
    if is_true(job.status.conditions, "Finished"):
        return f"{name} is finished ({job.status.state}): there is nothing to {'suspend' if suspend else 'resume'}"
    if job.spec.suspend == suspend:
        return f"{name} is suspended already" if suspend else f"{name} is not suspended"
    # The uid: a job that was deleted and made again meanwhile is not the one that was looked at.
    body = {"metadata": {"uid": job.metadata.uid}, "spec": {"suspend": suspend}}
    changed = job_of(await cluster.patch(JOBS, name, body))
    return _suspended(changed, flags) if suspend else _resumed(changed, flags)


def _suspended(job: AutoSearchJob, flags: str) -> str:
    running = job.status.trials.running
    what = "no trial is running, and none is started"
    if running:
        one = running == 1
        what = f"{running} running trial{'' if one else 's'} will be ended, {'its' if one else 'their'} GPUs freed"
    return f"{job.name} is suspended: {what}; results are kept. `autosearch resume {job.name}{flags}` goes on"


def _resumed(job: AutoSearchJob, flags: str) -> str:
    start = "from their last checkpoints" if job.spec.retry_from == "LastCheckpoint" else "from where they began"
    deadline = "; activeDeadlineSeconds counts anew" if job.spec.active_deadline_seconds is not None else ""
    return (
        f"{job.name} is resumed: trials that were ended start again {start}{deadline}. "
        f"`autosearch watch {job.name}{flags}` shows it"
    )
