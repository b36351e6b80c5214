"""A job that the schema let through and that still cannot be read.

Owns: the status that tells its user what is wrong with it. An object that was stored under an older schema may be one.
"""

from collections.abc import Sequence
from datetime import datetime

from pydantic import ValidationError

from autosearch.api.errors import Problem
from autosearch.api.job import JobStatus
from autosearch.api.meta import ObjectMeta
from autosearch.engine.refusals import refused_status
from autosearch.kubernetes.cache import Json


def refusal_of(body: Json, problems: Sequence[Problem], now: datetime) -> tuple[ObjectMeta, JobStatus, JobStatus]:
    """Give the job's metadata, its status and the one to write: Failed and Finished, with all problems."""
    metadata = ObjectMeta.from_dict(body["metadata"])
    old = _readable(body.get("status") or {})
    return metadata, old, refused_status(old, problems, now, metadata.generation)


def _readable(status: Json) -> JobStatus:
    """Give as much of a status as can be read: what is told already must not be written again and again."""
    fields: Json = {}
    for name, value in status.items():
        try:
            JobStatus.from_dict({name: value})
        except ValidationError:
            continue
        fields[name] = value
    return JobStatus.from_dict(fields)
