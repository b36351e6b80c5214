"""Events on jobs: few, specific, none for each step.

Owns: which changes of a job people are told of by an Event, and their delivery, which may fail without harm. It never
waits in the way of a pass.
"""

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

from autosearch.api.base import format_time
from autosearch.api.job import AutoSearchJob, JobStatus
from autosearch.api.meta import find_condition
from autosearch.kubernetes.cache import Json
from autosearch.kubernetes.client import ApiError, Client
from autosearch.kubernetes.lease import NotLeadingError
from autosearch.kubernetes.resources import EVENTS, JOBS

_log = logging.getLogger("autosearch.events")
_WAITING = 200
_LONGEST = 1000
_TOLD = ("Started", "Suspended", "Complete", "Failed")


class Recorder:
    """Posts events in the background."""

    def __init__(self, client: Client, identity: str) -> None:
        self._client = client
        self._identity = identity
        self._waiting: asyncio.Queue[tuple[str, Json]] = asyncio.Queue(_WAITING)

    def tell(self, job: AutoSearchJob, kind: str, reason: str, message: str) -> None:
        """Post an event; with too many waiting, it is dropped.

        Args:
            kind: `Normal` or `Warning`.
        """
        namespace = job.metadata.namespace or ""
        try:
            self._waiting.put_nowait((namespace, self._event(job, kind, reason, message[:_LONGEST])))
        except asyncio.QueueFull:
            _log.warning("an event was dropped: %s %s", reason, job.name)

    async def run(self) -> None:
        """Post what waits, for ever."""
        while True:
            namespace, event = await self._waiting.get()
            try:
                await self._client.create(EVENTS, event, namespace)
            except (ApiError, NotLeadingError) as error:
                _log.info("an event was not posted: %s", error)

    def _event(self, job: AutoSearchJob, kind: str, reason: str, message: str) -> Json:
        now = format_time(datetime.now(UTC))
        about = {
            "apiVersion": JOBS.api_version,
            "kind": JOBS.kind,
            "name": job.name,
            "namespace": job.metadata.namespace,
            "uid": job.metadata.uid,
        }
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{job.name}.{uuid4().hex[:16]}", "namespace": job.metadata.namespace},
            "involvedObject": about,
            "type": kind,
            "reason": reason,
            "message": message,
            "eventTime": now,
            "firstTimestamp": f"{now[:19]}Z",
            "lastTimestamp": f"{now[:19]}Z",
            "count": 1,
            "action": "Reconcile",
            "reportingComponent": "autosearch.dev/operator",
            "reportingInstance": self._identity,
            "source": {"component": "autosearch-operator"},
        }


def news(old: JobStatus, new: JobStatus) -> Iterator[tuple[str, str, str]]:
    """Give what people are told of a change of status: event type, reason, message."""
    for kind in _TOLD:
        before, after = find_condition(old.conditions, kind), find_condition(new.conditions, kind)
        if after is None or (before is not None and before.status == after.status):
            continue
        if after.status == "True":
            yield "Warning" if kind == "Failed" else "Normal", after.reason, after.message or kind
        elif kind == "Suspended" and before is not None and after.reason == "Resumed":
            yield "Normal", after.reason, after.message or "the search goes on"
    failed = new.trials.failed - old.trials.failed
    if failed > 0:
        yield "Warning", "TrialFailed", f"{new.trials.failed} trials have failed for good; kubectl get ast shows them"
