"""Do the watches still show what happens? Two proofs, from end to end.

Owns: the age of the oldest write of ours that no watch has shown yet, and the sweep that finds what the watches have
lost: kopf does not tell of deletions that fell into a gap (research: kopf.md 2.4). It writes nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from time import monotonic

from autosearch.kubernetes.cache import Cache, Json
from autosearch.kubernetes.client import ApiError, Client
from autosearch.kubernetes.resources import JOBS, MANAGED_SELECTOR, PODS, TRIALS, Resource

_log = logging.getLogger("autosearch.sight")
STALE = 30.0
"""Seconds after which an unseen write means that a watch is dead."""
SWEEP_EVERY = 60.0
_LOOK_EVERY, _SUSPICIOUS = 5.0, 10.0
_POLL, _POLLS = 0.05, 40
_RETRY = 0.5
_EVENTS_LATE = 1.0
_NOT_FOUND = 404
_KINDS = (JOBS, TRIALS, PODS)


class Echoes:
    """Writes of ours that a watch has yet to show."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._awaited: dict[str, tuple[int, float]] = {}

    def wrote(self, body: Json) -> None:
        """Expect a written object; an older expectation of the same object keeps its time."""
        metadata = body["metadata"]
        self._expect(metadata["uid"], int(metadata["resourceVersion"]))

    def expect_news(self, uid: str, version: int) -> None:
        """Expect something newer than a version of an object that has gone by what the server says; -1: it is known."""
        if version >= 0:
            self._expect(uid, version + 1)

    def _expect(self, uid: str, version: int) -> None:
        _, since = self._awaited.get(uid, (0, self._clock()))
        self._awaited[uid] = (version, since)

    def seen(self, body: Json, gone: bool = False) -> None:
        """Take what a watch has shown; nothing can come after an object is gone."""
        metadata = body["metadata"]
        awaited = self._awaited.get(metadata["uid"])
        if awaited is not None and (gone or int(metadata["resourceVersion"]) >= awaited[0]):
            del self._awaited[metadata["uid"]]

    def forget(self, uid: str) -> None:
        """Expect nothing any more of an object that is gone."""
        self._awaited.pop(uid, None)

    def age(self) -> float:
        """Give the age of the oldest write that was not seen, in seconds; 0 for none."""
        now = self._clock()
        return now - min((since for _, since in self._awaited.values()), default=now)


class Sweep:
    """Compares the cache with what the API server lists."""

    def __init__(
        self, client: Client, cache: Cache, echoes: Echoes, namespaces: Sequence[str], wanted: Callable[[str], None]
    ) -> None:
        """Prepare.

        Args:
            namespaces: those that are watched; none: all.
            wanted: told the uid of each job that a lost object belonged to.
        """
        self._client = client
        self._cache = cache
        self._echoes = echoes
        self._namespaces = namespaces
        self._wanted = wanted

    async def wait_until_synced(self) -> None:
        """Wait until the cache has seen everything that is there; an unreachable server too.

        What is deleted between our list and the watches' own never comes: what is missing is listed again.
        """
        while True:
            if await self._has_seen_all():
                return
            await asyncio.sleep(_RETRY)

    async def _has_seen_all(self) -> bool:
        """List everything, and say whether all of it came into the cache within a moment."""
        try:
            uids = {uid for kind in _KINDS for uid in (await self._list(kind))[0]}
        except ApiError as error:
            _log.warning("the API server does not list our objects yet: %s", error)
            return False
        for _ in range(_POLLS):
            uids = {uid for uid in uids if self._cache.version(uid) < 0 and not self._cache.is_departed(uid)}
            if not uids:
                return True
            await asyncio.sleep(_POLL)
        _log.info("%d objects have not been seen yet", len(uids))
        return False

    async def run(self) -> None:
        """Sweep from time to time, and when a write stays unseen for long, for ever."""
        due = monotonic() + SWEEP_EVERY
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            if monotonic() < due and self._echoes.age() < _SUSPICIOUS:
                continue
            due = monotonic() + SWEEP_EVERY
            try:
                for resource in _KINDS:
                    await self.sweep(resource)
            except ApiError as error:
                _log.warning("a sweep failed: %s", error)

    async def sweep(self, resource: Resource) -> int:
        """Forget objects that do not exist any more, read anew those that have changed unseen; gives how many.

        Raises:
            ApiError: if the server does not answer.
        """
        # Taken before the list: what is created meanwhile is not missed by it.
        known = self._cache.uids(resource)
        listed, _ = await self._list(resource)
        ghosts, unseen = known - listed.keys(), self._unseen(listed)
        if ghosts or unseen:
            # What has happened this very moment is told of by its event, a deletion with the last state, which may
            # hold a result.
            await asyncio.sleep(_EVENTS_LATE)
            ghosts &= self._cache.uids(resource)
            unseen &= self._unseen(listed)
        for uid in ghosts:
            self._echoes.forget(uid)
            self._want(self._cache.remove(resource, uid))
        for uid in unseen:
            await self._read(resource, listed[uid])
        if ghosts or unseen:
            _log.warning("%s without an event: %d gone, %d changed", resource.plural, len(ghosts), len(unseen))
        return len(ghosts) + len(unseen)

    def _unseen(self, listed: Mapping[str, Json]) -> set[str]:
        """Give the objects of which the cache has an older state than the list, or none."""
        return {
            uid
            for uid, metadata in listed.items()
            if self._cache.version(uid) < int(metadata["resourceVersion"]) and not self._cache.is_departed(uid)
        }

    async def _read(self, resource: Resource, metadata: Json) -> None:
        """Read an object whole; one that is gone by now is the next sweep's."""
        try:
            body = await self._client.get(resource, metadata["name"], metadata["namespace"])
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise
            return
        self._echoes.seen(body)
        self._want(self._cache.apply(resource, body))

    def _want(self, job_uid: str | None) -> None:
        if job_uid is not None:
            self._wanted(job_uid)

    async def _list(self, resource: Resource) -> tuple[dict[str, Json], str]:
        selector = MANAGED_SELECTOR if resource is PODS else ""
        found: dict[str, Json] = {}
        version = ""
        namespaces: Sequence[str | None] = self._namespaces or [None]
        for namespace in namespaces:
            items, version = await self._client.list(resource, namespace, label_selector=selector, metadata_only=True)
            found.update((item["metadata"]["uid"], item["metadata"]) for item in items)
        return found, version
