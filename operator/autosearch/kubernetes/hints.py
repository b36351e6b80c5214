"""Why a pod waits, where its status does not tell: a mount that fails, a volume that another node holds, no scheduler.

Owns: when a pod's events are read: it is on a node, has waited for some seconds, and its status gives no reason. It
writes nothing.
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
_SCHEDULERS_TIME = timedelta(seconds=30)
_NOT_SEEN = (
    "NotScheduled: no scheduler has looked at the pod: see that the one which its `schedulerName` names is running"
)
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
        self._round = 0
        self._asked: dict[str, int] = {}

    async def run(self) -> None:
        """Look from time to time, for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self.look()

    async def look(self) -> None:
        """Look once at some of the pods that wait, each in its turn, the oldest first."""
        silent = [pod for pod in self._cache.all_pods() if self._is_silent(pod)]
        for pod in silent:
            if not _is_bound(pod) and self._is_older(pod, _SCHEDULERS_TIME):
                self._tell(pod, _NOT_SEEN)
        waiting = {str(pod["metadata"]["uid"]): pod for pod in silent if _is_bound(pod)}
        self._round += 1
        self._asked = {uid: round_ for uid, round_ in self._asked.items() if uid in waiting}
        for uid, pod in sorted(waiting.items(), key=self._turn)[:_AT_ONCE]:
            self._asked[uid] = self._round
            try:
                await self._ask(pod)
            except ApiError as error:
                _log.info("the events of pod %s cannot be read: %s", pod["metadata"]["name"], error)

    def _turn(self, entry: tuple[str, Json]) -> tuple[int, str]:
        uid, pod = entry
        return self._asked.get(uid, 0), str(pod["metadata"]["creationTimestamp"])

    def _is_silent(self, pod: Json) -> bool:
        """Say whether a pod waits for longer than most do, and gives no reason."""
        if pod.get("status", {}).get("phase", "Pending") != "Pending":
            return False
        return self._is_older(pod, _PATIENCE) and not run_of(pod, now=self._now()).reason

    def _is_older(self, pod: Json, than: timedelta) -> bool:
        return self._now() - datetime.fromisoformat(pod["metadata"]["creationTimestamp"]) > than

    async def _ask(self, pod: Json) -> None:
        metadata = pod["metadata"]
        uid, namespace = metadata["uid"], metadata["namespace"]
        events, _ = await self._client.list(EVENTS, namespace, field_selector=f"involvedObject.uid={uid}")
        self._tell(pod, hint_of(events))

    def _tell(self, pod: Json, hint: str) -> None:
        metadata = pod["metadata"]
        uid, namespace = metadata["uid"], metadata["namespace"]
        if hint == self._heard.hints.get(uid, ""):
            return
        self._heard.hints[uid] = hint
        job_uid = self._cache.job_uid(namespace, metadata.get("labels", {}).get(JOB_LABEL, ""))
        if job_uid is not None:
            self._wanted(job_uid)


def _is_bound(pod: Json) -> bool:
    return bool(pod.get("spec", {}).get("nodeName"))
