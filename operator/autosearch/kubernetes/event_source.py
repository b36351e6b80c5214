"""kopf as the source of events: what the API server says goes into the cache, and the job's key into the queue.

Owns: kopf's settings and handlers, which write nothing, wait for nothing and return nothing. Change-detecting handlers
would cost ten times as much and write to every object (research: kopf.md).
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import kopf

from autosearch.kubernetes.cache import Cache, Json
from autosearch.kubernetes.credentials import Credentials
from autosearch.kubernetes.resources import JOBS, MANAGED_SELECTOR, PODS, TRIALS, Resource
from autosearch.kubernetes.view import is_same_run

Seen = Callable[[Json, bool], None]
_RESOURCES = (JOBS, TRIALS, PODS)


class NoDiff(kopf.DiffBaseStorage):
    """Remembers nothing of earlier states: no handler here asks what has changed."""

    def build(self, **_: Any) -> Any:
        """Give the essence of an object: none."""
        return {}

    def fetch(self, **_: Any) -> Any:
        """Give the last essence: none."""
        return None

    def store(self, **_: Any) -> None:
        """Keep nothing."""


class Plateau:
    """Seconds between tries after network errors; may be iterated many times, as kopf does."""

    def __iter__(self) -> Iterator[float]:
        yield from (0.5, 1, 2, 5)
        # Ten minutes and more: then the process ends, and starts anew.
        for _ in range(60):
            yield 10


class EventSource:
    """Registers the handlers, and runs kopf until it is told to stop.

    Attributes:
        over: set once kopf has stopped to watch, of its own accord too.
    """

    def __init__(self, cache: Cache, wanted: Callable[[str], None], seen: Seen, ended: Callable[[str], None]) -> None:
        """Prepare.

        Args:
            wanted: told the uid of a job for which something has changed.
            seen: told each object of each event, and whether it is gone, for the staleness probe.
            ended: told the uid of the job when one of its pods is seen finished for the first time.
        """
        self._cache = cache
        self._wanted = wanted
        self._seen = seen
        self._ended = ended
        self.over = asyncio.Event()

    def take(self, resource: Resource, kind: str | None, body: Json) -> None:
        """Take one event; kind None: the object was listed."""
        uid = body["metadata"]["uid"]
        self._seen(body, kind == "DELETED")
        if kind == "DELETED":
            job_uid = self._cache.remove(resource, uid, body)
        else:
            before = self._cache.pod(uid) if resource is PODS else None
            job_uid = self._cache.apply(resource, body)
            if job_uid is not None and before is not None:
                if _has_ended(body) and not _has_ended(before):
                    self._ended(job_uid)
                elif is_same_run(before, body):
                    # A node was chosen, an address given: nothing that a plan reads.
                    return
        if job_uid is not None:
            self._wanted(job_uid)

    def registry(self, credentials: Credentials) -> kopf.OperatorRegistry:
        """Give kopf's registry with all handlers in it."""
        registry = kopf.OperatorRegistry()
        kopf.on.startup(errors=kopf.ErrorsMode.PERMANENT, registry=registry)(configure)
        kopf.on.login(registry=registry)(_login(credentials))
        kopf.on.cleanup(registry=registry)(self._stop)
        for resource in _RESOURCES:
            handler = _handler(self.take, resource)
            kopf.on.event(resource.group, resource.version, resource.plural, registry=registry)(handler)
        return registry

    async def _stop(self, **_: Any) -> None:
        """Note the end: after an error in one watch, kopf may wait for the other ones for ever."""
        self.over.set()


def _has_ended(pod: Json) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def _handler(take: Callable[[Resource, str | None, Json], None], resource: Resource) -> Any:
    async def handle(event: Any, **_: Any) -> None:
        take(resource, event["type"], event["object"])

    return handle


async def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    """Set kopf up: no peering, no posting, no scanning, patience with a server that is away."""
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.persistence.diffbase_storage = NoDiff()
    settings.persistence.finalizer = "autosearch.dev/unused"
    settings.queueing.idle_timeout = 60
    settings.watching.server_timeout = 290
    settings.watching.chunk_size = 500
    settings.watching.label_selectors["pods"] = MANAGED_SELECTOR
    settings.networking.request_timeout = 10
    settings.networking.error_backoffs = Plateau()


def _login(credentials: Credentials) -> Any:
    async def login(**_: Any) -> kopf.AiohttpSession:
        """Give kopf a session of its own, which reads the token anew for each request."""
        return kopf.AiohttpSession(
            aiohttp_session=_session(credentials), server=credentials.server, default_namespace=credentials.namespace
        )

    return login


def _session(credentials: Credentials) -> aiohttp.ClientSession:
    async def with_token(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if credentials.token is not None and request.url.host == urlsplit(credentials.server).hostname:
            request.headers["Authorization"] = f"Bearer {credentials.token()}"
        return await handler(request)

    connector = aiohttp.TCPConnector(ssl=credentials.tls or False, limit=0)
    return aiohttp.ClientSession(connector=connector, middlewares=(with_token,))
