"""One HTTPS connection to the report server, kept open from one report to the next.

Owns: how a report goes over the wire and what comes back. It decides neither what is sent nor when, and never sends the
token anywhere but to a server that the given certificate vouches for.

It speaks the little of HTTP/1.1 that this takes itself: `http.client` would add a tenth to the memory of every pod, and
only our own server can be at the other end.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

TIMEOUT_SECONDS = 5.0
_ANSWER_BYTES = 64 * 1024
_LINE_BYTES = 8 * 1024
_HEADERS = 64
_OK = 200
_REQUEST = """\
POST {path}/v1/reports HTTP/1.1\r
Host: {host}\r
Authorization: Bearer {token}\r
Content-Type: application/json\r
Content-Length: {length}\r
\r
"""


@dataclass(frozen=True)
class Answer:
    """What the server said.

    Attributes:
        stop: the trial should end now.
        reason: why, for people.
    """

    stop: bool
    reason: str


class NotTakenError(Exception):
    """A report that the server did not take.

    Attributes:
        retry_after: seconds that it wants to be left alone; 0 if it said nothing.
    """

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Connection:
    """The way to one report server."""

    def __init__(self, url: str, ca_certificate: str, token: str) -> None:
        """Take over an address; nothing is connected yet.

        Args:
            url: `https://host:port`.
            ca_certificate: PEM of who signed the server's certificate; "" means those that the system trusts.
            token: path of the file with the token; the kubelet exchanges its contents before they expire.
        """
        self._url = url
        self._ca_certificate = ca_certificate
        self._token = Path(token)
        self._link: _Link | None = None

    def post(self, report: dict[str, object]) -> Answer:
        """Send a report and wait for the answer, each step of it at most `TIMEOUT_SECONDS`.

        Raises:
            NotTakenError: whatever the cause.
        """
        body = json.dumps(report).encode("ascii")
        try:
            if self._link is not None:
                # The server closes a connection that was silent for long; on a new one it will answer.
                with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
                    return self._exchange(self._link, body)
                self.close()
            self._link = _Link(self._url, self._ca_certificate)
            return self._exchange(self._link, body)
        except (OSError, ValueError) as error:
            self.close()
            raise NotTakenError(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """End the connection; the next report opens another."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def _exchange(self, link: _Link, body: bytes) -> Answer:
        status, headers, said = link.exchange(body, self._token.read_text(encoding="ascii").strip())
        if headers.get("connection", "").lower() == "close":
            self.close()
        return _read(status, said, headers.get("retry-after", ""))


class _Link:
    """A connected socket; every fault is an `OSError` or a `ValueError`."""

    def __init__(self, url: str, ca_certificate: str) -> None:
        self._parts = _https(url)
        context = ssl.create_default_context(cadata=ca_certificate or None)
        host = self._parts.hostname or ""
        plain = socket.create_connection((host, self._parts.port or 443), TIMEOUT_SECONDS)
        try:
            self._peer = context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise
        self._answers = self._peer.makefile("rb")

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._answers.close()
            self._peer.close()

    def exchange(self, body: bytes, token: str) -> tuple[int, dict[str, str], bytes]:
        """Send a request; gives the answer's status, its headers by their names in small letters, and its body."""
        head = _REQUEST.format(
            path=self._parts.path.rstrip("/"), host=self._parts.netloc, token=token, length=len(body)
        )
        self._peer.sendall(head.encode("ascii") + body)
        status = self._line().split(" ")[1:2]
        headers: dict[str, str] = {}
        while line := self._line():
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
            if len(headers) > _HEADERS:
                raise ValueError(f"an answer with more than {_HEADERS} headers")
        length = int(headers.get("content-length", "no length"))
        if not 0 <= length <= _ANSWER_BYTES:
            raise ValueError(f"an answer of {length} bytes")
        said = self._answers.read(length)
        if len(said) < length:
            raise ConnectionResetError("half an answer")
        return int(status[0]) if status else 0, headers, said

    def _line(self) -> str:
        line = self._answers.readline(_LINE_BYTES)
        if not line.endswith(b"\n"):
            raise ConnectionResetError("no answer") if len(line) < _LINE_BYTES else ValueError("a line too long")
        return line.decode("latin-1").rstrip("\r\n")


def _https(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError(f"the report server's address is {url!r}, and must begin with https://")
    return parts


def _read(status: int, body: bytes, retry_after: str) -> Answer:
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    said = said if isinstance(said, dict) else {}
    if status == _OK and isinstance(said.get("stop"), bool):
        return Answer(said["stop"], str(said.get("reason", "")))
    message = str(said.get("message") or said.get("reason") or body[:200].decode("utf-8", "replace"))
    seconds = float(retry_after) if retry_after.isdecimal() else 0.0
    raise NotTakenError(f"HTTP {status}: {message[:300]}", seconds)
