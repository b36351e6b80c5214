"""Who may act: a Lease, held by one replica at a time.

Owns: taking, renewing and releasing the lease, and the moment until which this process may rely on it. Time is counted
on the monotonic clock from the start of the last renewal that succeeded, so that a process which was frozen knows that
it no longer leads. It writes nothing but the lease.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from autosearch.api.base import format_time
from autosearch.api.errors import AutoSearchError
from autosearch.kubernetes.client import ApiError, Client
from autosearch.kubernetes.resources import LEASES

_log = logging.getLogger("autosearch.lease")
Json = dict[str, Any]
_CONFLICT, _NOT_FOUND = 409, 404


class NotLeadingError(AutoSearchError):
    """This replica does not hold the lease, so that it may not write."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds, as in client-go.

    Attributes:
        duration: how long others wait after the last renewal that they saw.
        deadline: how long the holder acts after its own last renewal; less than `duration`.
        retry: between two tries.
    """

    duration: float = 15.0
    deadline: float = 10.0
    retry: float = 2.0


class Elector:
    """Tries for ever to hold one lease.

    Attributes:
        standing_by: another replica held it at the last try.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        identity: str,
        *,
        timings: Timings | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Prepare.

        Args:
            client: one without a check before writes: the lease is what that check asks for.
            identity: this replica's name, unique among all.
        """
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._timings = timings or Timings()
        self._clock = clock
        self._valid_until = float("-inf")
        self._seen: tuple[str, float] | None = None
        self.leading = asyncio.Event()
        self.standing_by = False

    def is_valid(self) -> bool:
        """Say whether this replica may act at this very moment."""
        return self._clock() < self._valid_until

    def check(self) -> None:
        """Raise `NotLeadingError` unless this replica may act; called before each write."""
        if not self.is_valid():
            raise NotLeadingError("this replica does not hold the lease")

    async def lead(self) -> None:
        """Take the lease and keep it; returns when it was lost."""
        held = await self._try()
        while not held:
            await asyncio.sleep(self._timings.retry)
            held = await self._try()
        self.leading.set()
        while self.is_valid():
            await asyncio.sleep(self._timings.retry)
            await self._try()
        self.leading.clear()

    async def release(self) -> None:
        """Give the lease back, so that the next replica need not wait."""
        if not self.is_valid():
            return
        self._valid_until = float("-inf")
        try:
            lease = await self._client.get(LEASES, self._name, self._namespace)
            if lease["spec"].get("holderIdentity") == self._identity:
                lease["spec"]["holderIdentity"] = ""
                await self._client.replace(LEASES, self._name, lease, self._namespace)
        except ApiError as error:
            _log.warning("the lease was not given back: %s", error)

    async def _try(self) -> bool:
        began = self._clock()
        try:
            async with asyncio.timeout(self._timings.deadline):
                held = await self._acquire()
        except (ApiError, TimeoutError) as error:
            _log.warning("the lease could not be renewed: %s", error or "no answer in time")
            return False
        self.standing_by = not held
        if held:
            self._valid_until = began + self._timings.deadline
        return held

    async def _acquire(self) -> bool:
        try:
            lease = await self._client.get(LEASES, self._name, self._namespace)
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise
            return await self._create()
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") not in ("", None, self._identity) and not self._expired(lease):
            return False
        lease["spec"] = self._held(spec)
        try:
            await self._client.replace(LEASES, self._name, lease, self._namespace)
        except ApiError as error:
            if error.status != _CONFLICT:
                raise
            return False
        return True

    async def _create(self) -> bool:
        metadata = {"name": self._name, "namespace": self._namespace}
        body = {"apiVersion": LEASES.api_version, "kind": "Lease", "metadata": metadata, "spec": self._held({})}
        try:
            await self._client.create(LEASES, body, self._namespace)
        except ApiError as error:
            if error.status != _CONFLICT:
                raise
            return False
        return True

    def _expired(self, lease: Json) -> bool:
        """Say whether the lease has not changed for its whole duration, on our own clock: others' may be wrong."""
        version, now = lease["metadata"]["resourceVersion"], self._clock()
        if self._seen is None or self._seen[0] != version:
            self._seen = (version, now)
        duration = lease["spec"].get("leaseDurationSeconds") or self._timings.duration
        return now - self._seen[1] > float(duration)

    def _held(self, before: Json) -> Json:
        now = format_time(datetime.now(UTC))
        mine = before.get("holderIdentity") == self._identity
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._timings.duration),
            "acquireTime": before.get("acquireTime") if mine else now,
            "renewTime": now,
            "leaseTransitions": (before.get("leaseTransitions") or 0) + (not mine),
        }
