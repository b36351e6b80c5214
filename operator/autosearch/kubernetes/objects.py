"""Reading searches from a cluster.

Owns: which objects belong to a search, and what is said when they cannot be read.
"""

from collections.abc import Iterable

from pydantic import ValidationError

from autosearch.api.errors import AutoSearchError, EnvironmentFaultError
from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial
from autosearch.kubernetes.access import Cluster
from autosearch.kubernetes.client import Json
from autosearch.kubernetes.resources import JOB_LABEL, JOBS, TRIALS


class AbsentError(AutoSearchError):
    """What was asked for is not there: not yet, or no longer."""


async def read_job(cluster: Cluster, name: str) -> AutoSearchJob:
    """Read a job; raises `ApiError`, or `EnvironmentFaultError` for one that this version cannot read."""
    return job_of(await cluster.get(JOBS, name))


async def read_search(cluster: Cluster, name: str) -> tuple[AutoSearchJob, list[Trial]]:
    """Read a job and its trials in the order of their numbers; raises as `read_job` does."""
    job = await read_job(cluster, name)
    items, _ = await cluster.list(TRIALS, label_selector=trials_of(name))
    return job, in_order(trial_of(item) for item in items if is_owned(item, job))


def trials_of(job: str) -> str:
    """Give the label selector of a job's trials."""
    return f"{JOB_LABEL}={job}"


def is_owned(item: Json, job: AutoSearchJob) -> bool:
    """Say whether an object is this very job's, not one's that had the same name before."""
    owners = item["metadata"].get("ownerReferences", [])
    return any(owner.get("uid") == job.metadata.uid for owner in owners)


def in_order(trials: Iterable[Trial]) -> list[Trial]:
    """Sort trials by number."""
    return sorted(trials, key=lambda trial: trial.spec.number)


def job_of(item: Json) -> AutoSearchJob:
    """Read a job's JSON; raises `EnvironmentFaultError`."""
    try:
        return AutoSearchJob.from_dict(item)
    except ValidationError as error:
        raise _unreadable(item, error) from None


def trial_of(item: Json) -> Trial:
    """Read a trial's JSON; raises `EnvironmentFaultError`."""
    try:
        return Trial.from_dict(item)
    except ValidationError as error:
        raise _unreadable(item, error) from None


def _unreadable(item: Json, error: ValidationError) -> EnvironmentFaultError:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    kind, name = item.get("kind") or "object", item["metadata"]["name"]
    return EnvironmentFaultError(
        f"{kind} {name} on the cluster cannot be read by this version of autosearch ({field}: {first['msg']}): "
        "install the version that the operator has"
    )
