"""Commands in a running container, with their standard streams, over a websocket to the API server.

Owns: the protocol (`v5.channel.k8s.io`, else `v4.channel.k8s.io`: the first byte of each message says whose it is). It
knows nothing of what is run, and decides nothing about pods. The end of standard input is never told, since `v4` has no
word for it: a command has to know how much it is to read.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import aiohttp

from autosearch.api.errors import AutoSearchError
from autosearch.kubernetes.client import ApiError
from autosearch.kubernetes.credentials import Credentials

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
PIECE = 1 << 16
"""Most bytes that are sent as one message."""
_STDIN, _STDOUT, _STDERR, _STATUS = range(4)
_KEPT = 2000
_WAITING = 64
"""Messages that wait for their reader before the command has to."""
_STALLED = 900.0
"""Seconds in which nothing moves before the connection is taken for dead: a large file's sum takes some time."""


class CommandError(AutoSearchError):
    """A command in a container failed, or its connection broke.

    Attributes:
        exit_code: the command's; None if there is none, because it could not be started or the connection broke.
        said: the end of its standard error.
    """

    def __init__(self, message: str, exit_code: int | None = None, said: str = "") -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.said = said


class Command:
    """One running command; an asynchronous context manager."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._output: asyncio.Queue[bytes | None] = asyncio.Queue(_WAITING)
        self._said = b""
        self._status: dict[str, Any] | None = None
        self._pending = b""
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        # Apart from the sender: a command whose words nobody takes would stop reading.
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._reader is not None
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def write(self, data: bytes) -> None:
        """Send bytes to the command's standard input; raises `CommandError` if it has ended."""
        for start in range(0, len(data), PIECE):
            if self._status is not None:
                # What is still sent would make the server reset the connection.
                await self._finished()
                raise CommandError("the command in the container ended early", 0, self.said)
            try:
                async with asyncio.timeout(_STALLED):
                    await self._socket.send_bytes(bytes([_STDIN]) + data[start : start + PIECE])
            except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
                await self._finished()
                raise CommandError(f"the connection to the container broke: {error}", None, self.said) from error

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give what the command prints until it ends; raises `CommandError` if it failed."""
        if self._pending:
            pending, self._pending = self._pending, b""
            yield pending
        while (chunk := await self._next()) is not None:
            yield chunk
        await self._finished()

    async def line(self) -> str:
        """Give the next line that the command prints; raises `CommandError` if it ends without one."""
        while b"\n" not in self._pending:
            chunk = await self._next()
            if chunk is None:
                await self._finished()
                raise CommandError("the command in the container ended early", 0, self.said)
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode("utf-8", "surrogateescape")

    @property
    def said(self) -> str:
        """The end of what the command wrote to its standard error."""
        return self._said.decode("utf-8", "replace").strip()

    async def _next(self) -> bytes | None:
        """Give what was printed next; None for ever after the end."""
        try:
            async with asyncio.timeout(_STALLED):
                chunk = await self._output.get()
        except TimeoutError:
            raise CommandError(f"nothing came from the container for {_STALLED:g} s", None, self.said) from None
        if chunk is None:
            self._output.put_nowait(None)
        return chunk

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.BINARY and message.data:
                await self._take(message.data[0], message.data[1:])
        await self._output.put(None)

    async def _take(self, channel: int, data: bytes) -> None:
        if channel == _STDOUT and data:
            await self._output.put(data)
        elif channel == _STDERR:
            self._said = (self._said + data)[-_KEPT:]
        elif channel == _STATUS:
            self._status = json.loads(data)

    async def _finished(self) -> None:
        """Return if the command has ended well; raises `CommandError`."""
        assert self._reader is not None
        await asyncio.wait([self._reader], timeout=5)
        status = self._status
        if status is None:
            raise CommandError("the connection to the container broke before the command ended", None, self.said)
        if status.get("status") != "Success":
            raise CommandError(_sentence(status, self.said), _exit_code(status), self.said)


def _exit_code(status: dict[str, Any]) -> int | None:
    causes = (status.get("details") or {}).get("causes") or []
    codes = [cause.get("message") for cause in causes if cause.get("reason") == "ExitCode"]
    return int(codes[0]) if codes and str(codes[0]).isdigit() else None


def _sentence(status: dict[str, Any], said: str) -> str:
    words = said or str(status.get("message") or "it gave no reason")
    return f"the command in the container failed: {words}"


@asynccontextmanager
async def open_command(
    credentials: Credentials, path: str, container: str, words: Sequence[str]
) -> AsyncIterator[Command]:
    """Start a command and give it; it is left alone, with its input closed, at the end of the context.

    Args:
        path: of the pod's subresource `exec`.

    Raises:
        ApiError: the API server refuses.
        CommandError: there is no such pod or container, or it is not running.
    """
    streams = [("stdin", "true"), ("stdout", "true"), ("stderr", "true"), ("container", container)]
    params = [*streams, *(("command", word) for word in words)]
    headers = {} if credentials.token is None else {"Authorization": f"Bearer {credentials.token()}"}
    url = f"{credentials.server.rstrip('/')}{path}"
    connector = aiohttp.TCPConnector(ssl=credentials.tls or False)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        try:
            socket = await session.ws_connect(
                url, params=params, protocols=PROTOCOLS, max_msg_size=0, timeout=aiohttp.ClientWSTimeout(ws_close=5)
            )
        except aiohttp.WSServerHandshakeError as error:
            raise await _refusal(session, url, params, error) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(0, "Unreachable", f"{credentials.server}: {error}") from error
        async with socket, Command(socket) as command:
            yield command


async def _refusal(
    session: aiohttp.ClientSession, url: str, params: list[tuple[str, str]], error: aiohttp.WSServerHandshakeError
) -> ApiError:
    """Learn why: a refused handshake is given without its body, so the same is asked for without one."""
    async with session.get(url, params=params) as response:
        try:
            said = await response.json(content_type=None)
        except ValueError:
            said = {}
    if not isinstance(said, dict) or response.status != error.status:
        said = {}
    message = said.get("message") or f"the API server answered {error.status} to a websocket"
    return ApiError(error.status, said.get("reason") or "", message, None, said.get("details"))
