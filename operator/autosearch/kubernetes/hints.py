"""Why a pod waits, where only an Event tells: a mount that fails, a volume that another node holds.

Owns: when a pod's events are read: it has waited for some seconds, and its status gives no reason. It writes nothing.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from autosearch.kubernetes.cache import Cache, Json
from autosearch.kubernetes.client import ApiError, Client
from autosearch.kubernetes.pod_status import hint_of, run_of
from autosearch.kubernetes.resources import EVENTS, JOB_LABEL
from autosearch.kubernetes.view import Heard

_log = logging.getLogger("autosearch.hints")
LOOK_EVERY = 5.0
_PATIENCE = timedelta(seconds=5)
_AT_ONCE = 20


class Hints:
    """Reads the events of pods that wait without a reason."""

    def __init__(
        self,
        client: Client,
        cache: Cache,
        heard: Heard,
        wanted: Callable[[str], None],
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._cache = cache
        self._heard = heard
        self._wanted = wanted
        self._now = now

    async def run(self) -> None:
        """Look from time to time, for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self.look()

    async def look(self) -> None:
        """Look once at the pods that have waited longest for their start."""
        waiting = [pod for pod in self._cache.all_pods() if self._waits(pod)]
        for pod in sorted(waiting, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))[:_AT_ONCE]:
            try:
                await self._ask(pod)
            except ApiError as error:
                _log.info("the events of pod %s cannot be read: %s", pod["metadata"]["name"], error)

    def _waits(self, pod: Json) -> bool:
        status = pod.get("status", {})
        if status.get("phase", "Pending") != "Pending" or not pod.get("spec", {}).get("nodeName"):
            return False
        created = datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
        now = self._now()
        return now - created > _PATIENCE and not run_of(pod, now=now).reason

    async def _ask(self, pod: Json) -> None:
        metadata = pod["metadata"]
        uid, namespace = metadata["uid"], metadata["namespace"]
        events, _ = await self._client.list(EVENTS, namespace, field_selector=f"involvedObject.uid={uid}")
        hint = hint_of(events)
        if hint == self._heard.hints.get(uid, ""):
            return
        self._heard.hints[uid] = hint
        job_uid = self._cache.job_uid(namespace, metadata.get("labels", {}).get(JOB_LABEL, ""))
        if job_uid is not None:
            self._wanted(job_uid)
