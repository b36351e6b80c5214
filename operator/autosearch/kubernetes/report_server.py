"""The HTTPS server that takes reports from sidecars: progress, and final results that need not wait for the pod's end.

Owns: the order of the checks - limits, token, pod, body - and the one address. Whether a trial is to stop, and what
comes of a report, is the operator's to say; both are asked of what it has in memory. Nothing of a request is logged.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from autosearch.kubernetes.report_answers import Rejected, ReportHttp, fault, refusal
from autosearch.kubernetes.report_body import FinalSubmission, PodIdentity, read_submission
from autosearch.kubernetes.report_limits import Buckets, Turns, check
from autosearch.kubernetes.token_review import PodClaim, Reviewer, TokenReviews
from autosearch.reporting.messages import FinalReport, ProgressReport

PATH = "/v1/reports"
_HEADER = "Authorization"
_FAREWELL = 2.0
"""Seconds in which a refused sender may end its request, and hear the answer."""


@dataclass(frozen=True, slots=True)
class StopAnswer:
    """What a trial hears: whether it is to stop, and why."""

    stop: bool = False
    reason: str = ""


class PodLookup(Protocol):
    """The operator's cache of pods."""

    def pod(self, namespace: str, name: str, uid: str) -> PodIdentity | None:
        """Give the pod of an attempt with this very uid; None if it is not there, or not managed by us."""
        ...


class ReportSink(Protocol):
    """Who takes reports; both answer at once, from memory."""

    def progress(self, pod: PodIdentity, report: ProgressReport) -> StopAnswer:
        """Take one step's metrics."""
        ...

    def final(self, pod: PodIdentity, report: FinalReport, reported: float) -> StopAnswer:
        """Take a result, accepted at `reported`, seconds since the epoch; it may come many times."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the server bears.

    Attributes:
        body: bytes of a report.
        seconds: for a request from its head to its answer; the head itself has as long.
        connections: open at once.
        requests: handled at once.
        requests_each: of one pod, handled at once.
        rate, burst: requests of one pod, per second and at once.
        refusal_rate, refusal_burst: refused tokens from one address, before its unknown ones are not even looked at.
    """

    body: int = 64 * 1024
    seconds: float = 10.0
    connections: int = 4096
    requests: int = 256
    requests_each: int = 4
    rate: float = 10.0
    burst: int = 20
    refusal_rate: float = 2.0
    refusal_burst: int = 60


Observer = Callable[[str, int, float], None]


class ReportServer:
    """The server."""

    def __init__(
        self,
        reviewer: Reviewer,
        pods: PodLookup,
        sink: ReportSink,
        *,
        limits: Limits | None = None,
        ready: Callable[[], bool] = lambda: True,
        observe: Observer | None = None,
    ) -> None:
        """Prepare to serve.

        Args:
            ready: says whether reports come to anything here: before the cache of pods is filled nobody can be told
                from a stranger, and a standby writes nothing.
            observe: told kind of report ("progress", "final"; "" if it was not read), HTTP status and seconds.
        """
        self._limits = limits or Limits()
        self._pods = pods
        self._sink = sink
        self._ready = ready
        self._observe = observe
        self._reviews = TokenReviews(reviewer, lambda claim: self._lookup(claim) is not None)
        self._rates = Buckets(self._limits.rate, self._limits.burst)
        self._refusals = Buckets(self._limits.refusal_rate, self._limits.refusal_burst)
        self._turns = Turns(self._limits.requests, self._limits.requests_each)
        self._http: ReportHttp | None = None
        self._listening: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._listening is not None, "it has been started"
        return int(self._listening.sockets[0].getsockname()[1])

    async def start(self, host: str | None, port: int, context: ssl.SSLContext) -> None:
        """Listen; port 0 takes any free one. Raises `OSError` if the address is in use."""
        self._http = ReportHttp(
            self._answer,
            most=self._limits.connections,
            keepalive_timeout=self._limits.seconds,
            lingering_time=_FAREWELL,
        )
        self._listening = await asyncio.get_running_loop().create_server(
            self._http,
            host,
            port,
            ssl=context,
            backlog=512,
            ssl_handshake_timeout=self._limits.seconds,
            ssl_shutdown_timeout=_FAREWELL,
        )

    async def close(self, grace: float = 2.0) -> None:
        """Stop listening; what is being handled has `grace` seconds."""
        if self._listening is None or self._http is None:
            return
        self._listening.close()
        await self._http.end(grace)
        await self._reviews.close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        began, seen = time.monotonic(), [""]
        try:
            async with asyncio.timeout(self._limits.seconds):
                answer = await self._handled(request, seen)
                response = web.json_response({"stop": answer.stop, "reason": answer.reason})
        except Rejected as rejected:
            response = refusal(rejected)
        except TimeoutError:
            response = refusal(Rejected(408, f"the whole report was not here within {self._limits.seconds:g} s"))
        except (web.RequestPayloadError, ConnectionError):
            # Also who has gone away in between: nobody hears it.
            response = refusal(Rejected(400, "request: the body is not encoded as its head says"))
        except Exception as error:
            response = refusal(fault(error))
        if self._observe is not None:
            self._observe(seen[0], response.status, time.monotonic() - began)
        return response

    async def _handled(self, request: web.BaseRequest, seen: list[str]) -> StopAnswer:
        self._check_head(request)
        with self._turns.one():
            pod = await self._sender(request)
            check(self._rates, pod.uid, f"more than {self._limits.rate:g} reports a second: report fewer steps")
            self._rates.spend(pod.uid)
            with self._turns.one_of(pod.uid):
                body = await self._body(request)
            # The pod may have gone while its body was on the way.
            pod = self._alive(PodClaim(pod.namespace, pod.name, pod.uid))
            return self._take(pod, body, seen)

    def _take(self, pod: PodIdentity, body: bytes, seen: list[str]) -> StopAnswer:
        found = read_submission(body, pod)
        if isinstance(found, FinalSubmission):
            seen[0] = "final"
            return self._sink.final(pod, found.report, found.reported)
        seen[0] = "progress"
        return self._sink.progress(pod, found)

    def _check_head(self, request: web.BaseRequest) -> None:
        if request.path != PATH:
            raise Rejected(404, f"there is nothing but {PATH} here")
        if request.method != "POST":
            raise Rejected(405, "reports are sent with POST")
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise Rejected(415, "Content-Encoding: reports are sent as they are, not compressed")
        self._check_size(request.content_length or 0)
        if not self._ready():
            raise Rejected(503, "this operator is a standby, or has only just started: send it again", 2)

    def _check_size(self, size: int) -> None:
        if size > self._limits.body:
            raise Rejected(413, f"a report has at most {self._limits.body} bytes")

    async def _sender(self, request: web.BaseRequest) -> PodIdentity:
        address = request.remote or ""
        check(self._refusals, address, "too many tokens from this address were refused")
        try:
            claim = await self._reviews.pod_of(_token(request))
        except Rejected as rejected:
            if rejected.code == 401:  # noqa: PLR2004 - HTTP's number
                self._refusals.spend(address)
            raise
        return self._alive(claim)

    def _alive(self, claim: PodClaim) -> PodIdentity:
        # A token outlives its pod by seconds in the API server's own cache, and in ours by up to a minute.
        pod = self._lookup(claim)
        if pod is None:
            raise Rejected(403, f"pod {claim.namespace}/{claim.name} is gone, or none of a trial")
        if not pod.alive:
            raise Rejected(403, f"pod {claim.namespace}/{claim.name} has ended")
        return pod

    def _lookup(self, claim: PodClaim) -> PodIdentity | None:
        return self._pods.pod(claim.namespace, claim.name, claim.uid)

    async def _body(self, request: web.BaseRequest) -> bytes:
        body = bytearray()
        async for chunk in request.content.iter_any():
            body += chunk
            self._check_size(len(body))
        return bytes(body)


def _token(request: web.BaseRequest) -> str:
    """Give the token; raises `Rejected` 401 if there is none."""
    given = request.headers.getall(_HEADER, [])
    kind, _, token = (given[0] if len(given) == 1 else "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Rejected(401, f"{_HEADER}: write `Bearer <token>`, with the pod's token for the audience autosearch.dev")
    return token.strip()
