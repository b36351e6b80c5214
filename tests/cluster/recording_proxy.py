"""A proxy between the operator and the API server that writes down each request, and may cut in at a chosen one.

Owns: one listening port on loopback and the list of what went through. It changes nothing, and passes on whose token
was sent. Plain HTTP on the near side: nobody but this machine sees it.
"""

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web
from tests.cluster.access import Access

_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/[^/]+(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[^/]+)"
    r"(?:/(?P<name>[^/]+))?(?:/(?P<sub>[^/]+))?"
)
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_HOP = {"transfer-encoding", "content-length", "connection", "keep-alive"}
WRITES = frozenset(_VERBS.values())


@dataclass(frozen=True)
class Request:
    """One request: as RBAC sees it, and the HTTP status that came back (0: cut off)."""

    verb: str
    resource: str
    name: str
    status: int
    dry_run: bool = False


class RecordingProxy:
    """Runs in a thread of its own while it is entered.

    Attributes:
        requests: all that were answered.
        on_write: called before each write with its number, from 1. "before": the request is not passed on, and the
            connection is cut; "after": it is passed on, and its answer is lost; "": nothing happens.
        garble: plural of a resource whose watches end and whose lists are answered with something that is not JSON.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self.requests: list[Request] = []
        self.on_write: Callable[[int, Request], str] = lambda _number, _request: ""
        self.garble = ""
        self._writes = 0
        self._lock = threading.Lock()
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10), "the proxy did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    @property
    def server(self) -> str:
        """The address to give to a client."""
        return f"http://127.0.0.1:{self._port}"

    def used(self) -> Counter[tuple[str, str]]:
        """Count the requests by verb and resource with its subresource, as RBAC names them."""
        return Counter((request.verb, request.resource) for request in self.requests)

    def writes(self, *resources: str) -> int:
        """Count the writes that succeeded, dry runs left out, on resources or their subresources."""
        return sum(
            request.verb in WRITES
            and 200 <= request.status < 300
            and not request.dry_run
            and (not resources or request.resource.split("/")[0] in resources)
            for request in self.requests
        )

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._port = runner.addresses[0][1]
        connector = aiohttp.TCPConnector(ssl=self._access.trust(), limit=0)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as self._session:
            self._ready.set()
            await self._stopping.wait()
            await runner.cleanup()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        known = _known(request)
        cut = ""
        # First: whoever sent it may be killed by `on_write`.
        body = await request.read() or None
        if known is not None and known.verb in WRITES and known.resource != "leases":
            with self._lock:
                self._writes += 1
                cut = self.on_write(self._writes, known)
        if cut == "before":
            raise _cut(request)
        if known is not None and known.resource == self.garble and known.verb in {"list", "watch"}:
            return _garbled(known)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in {"host", *_HOP}}
        async with self._session.request(
            request.method,
            f"{self._access.server}{request.raw_path}",
            headers=headers,
            data=body,
            timeout=aiohttp.ClientTimeout(total=None),
        ) as answer:
            if known is not None:
                self.requests.append(Request(known.verb, known.resource, known.name, answer.status, known.dry_run))
            if cut == "after":
                await answer.read()
                raise _cut(request)
            return await _copy(request, answer)


async def _copy(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
    if "watch" not in request.query:
        return web.Response(status=answer.status, headers=headers, body=await answer.read())
    copy = web.StreamResponse(status=answer.status, headers=headers)
    await copy.prepare(request)
    # A client that is gone is a client that was killed.
    with suppress(ConnectionError):
        async for chunk in answer.content.iter_any():
            await copy.write(chunk)
    return copy


def _garbled(known: Request) -> web.Response:
    if known.verb == "list":
        return web.Response(body=b"\x1f\x8b\x00", content_type="application/json")
    expired = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": 410,
        "reason": "Expired",
        "message": "",
    }
    return web.json_response({"type": "ERROR", "object": expired})


def _cut(request: web.Request) -> Exception:
    """Cut the connection: the client gets no answer."""
    if request.transport is not None:
        request.transport.abort()
    return ConnectionAbortedError("cut off by the test")


def _known(request: web.Request) -> Request | None:
    found = _PATH.fullmatch(request.path)
    if found is None:
        return None
    verb = _VERBS.get(request.method, "get" if found["name"] else "watch" if "watch" in request.query else "list")
    resource = found["plural"] + (f"/{found['sub']}" if found["sub"] else "")
    return Request(verb, resource, found["name"] or "", 0, "dryRun" in request.query)
