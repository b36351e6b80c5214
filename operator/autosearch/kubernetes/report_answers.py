"""Answers of the report server: Kubernetes `Status` objects for refusals, and the HTTP connection that gives them.

Owns: the words of a refusal, and that no answer ever holds a stack trace or a page. It knows nothing of reports.
"""

import asyncio
import json
import logging
import traceback
from asyncio import BaseTransport, Transport
from typing import Any, cast

from aiohttp import web

from autosearch.api.errors import AutoSearchError

Json = dict[str, Any]
REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    408: "Timeout",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
}
"""Kubernetes' words for HTTP's numbers."""
_LONGEST_MESSAGE = 600

logger = logging.getLogger(__name__)


class Rejected(AutoSearchError):  # noqa: N818 - an answer to a sender, not a fault of the program
    """A request that is not answered with what it asked for.

    Attributes:
        code: HTTP status.
        message: a sentence for people, shortened.
        retry_after: whole seconds after which it may succeed; None if the same request never will.
    """

    def __init__(self, code: int, message: str, retry_after: int | None = None) -> None:
        self.code = code
        self.message = message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}..."
        self.retry_after = retry_after
        super().__init__(self.message)

    def to_dict(self) -> Json:
        """Give the `Status` object."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": REASONS[self.code],
            "code": self.code,
        }


def refusal(rejected: Rejected) -> web.Response:
    """Give the HTTP answer; it ends the connection where the request's body may not have been read."""
    headers = {} if rejected.retry_after is None else {"Retry-After": str(rejected.retry_after)}
    if rejected.code == 401:  # noqa: PLR2004 - HTTP's number
        headers["WWW-Authenticate"] = "Bearer"
    answer = web.json_response(rejected.to_dict(), status=rejected.code, headers=headers)
    answer.force_close()
    return answer


def fault(error: BaseException | None) -> Rejected:
    """Log a bug of ours, with what a request may have put into its text cut short, and give the answer."""
    where = "".join(traceback.format_tb(error.__traceback__)) if error is not None else ""
    logger.error("report server: %s: %.200s\n%s", type(error).__name__, error, where)
    return Rejected(500, "the operator failed to handle this report; its log says why")


class ReportHttp(web.Server):
    """Makes a protocol for each connection: ours, or beyond `most` one that says 503 and closes."""

    def __init__(self, handler: Any, *, most: int, **settings: Any) -> None:
        super().__init__(handler, access_log=None, logger=logger, auto_decompress=False, **settings)
        self._most = most

    def __call__(self) -> web.RequestHandler:
        """Give the next connection's protocol."""
        kind = _Connection if len(self.connections) < self._most else _Crowded
        return kind(self, loop=self._loop, **self._kwargs)

    async def end(self, grace: float) -> None:
        """Close all connections; what is being handled has `grace` seconds."""
        open_ones = list(self._connections.values())
        self.pre_shutdown()
        await self.shutdown(grace)
        for transport in open_ones:
            # Else each would wait for its client to say farewell.
            transport.abort()
        await asyncio.sleep(0)


class _Connection(web.RequestHandler):
    """HTTP on one connection, with our answers to what is no HTTP."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what the HTTP parser refused, or a bug of ours: only the latter is logged with its trace."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is under way already")
        if status == 400:  # noqa: PLR2004 - what the HTTP parser gives
            first = (message or "").strip().splitlines()[:1]
            return refusal(
                Rejected(400, f"request: not HTTP as it should be: {first[0][:80]!r}" if first else "request")
            )
        return refusal(fault(exc))


class _Crowded(_Connection):
    """A connection too many."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Say so and close."""
        # By its use and not by its class: those of uvloop share no base with asyncio's.
        stream = cast("Transport", transport)
        body = json.dumps(Rejected(503, "too many connections").to_dict()).encode()
        head = f"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: {len(body)}\r\n"
        stream.write(head.encode() + b"Content-Type: application/json\r\nConnection: close\r\n\r\n" + body)
        stream.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Nothing to end."""

    def data_received(self, data: bytes) -> None:
        """Not read."""
