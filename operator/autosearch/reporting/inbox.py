"""Where a trial's reports arrive: the unix socket and the desk behind it.

Owns the connections and the promise that the first accepted final report is the only one. It must never
wait for a client, start a thread or decide what a good report is; it imports the standard library alone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from autosearch.reporting.checks import (
    Expectation,
    check_final,
    check_progress,
    check_sender,
    read_result_file,
)
from autosearch.reporting.messages import (
    LINE_BYTES,
    Diverged,
    FinalReport,
    Message,
    ProgressAnswer,
    ProgressReport,
    Refused,
    encode_reply,
    parse_request,
    shown,
)

CONNECTIONS = 32
_CHUNK = 16 * 1024
_SOCKET_MODE = 0o666  # the script may run as any user

_Report = TypeVar("_Report")
_Answer = TypeVar("_Answer")


class Desk:
    """Answers the messages of one attempt.

    Attributes:
        accepted: the report that counts, once there is one.
        last_refusal: why the last final report was refused, "" if none was; for the trial's failure message.
        diverged: it was refused because it held NaN or infinity.
    """

    def __init__(
        self,
        expect: Expectation,
        keep: Callable[[FinalReport], None],
        progress: Callable[[ProgressReport], ProgressAnswer],
        accepted: FinalReport | None = None,
    ) -> None:
        """Take over an attempt.

        Args:
            expect: what its reports must say.
            keep: stores the accepted report durably before it is answered; an ``OSError`` refuses the report.
            progress: takes an observation and says whether to stop; must not block.
            accepted: the report that an earlier process already kept.
        """
        self._expect = expect
        self._keep = keep
        self._progress = progress
        self.accepted = accepted
        self.last_refusal = ""
        self.diverged = False

    def answer(self, message: Message) -> Message:
        """Return the reply to one decoded message; a repeated final report gets the first answer again."""
        kind = message.get("type")
        try:
            if kind == "progress":
                return self._answer_progress(message)
            return self._answer_final(message)
        except Refused as refusal:
            return self._refuse(refusal, kind)

    def take_result_file(self, path: str | os.PathLike[str]) -> bool:
        """Take the result file of a script without SDK, unless a report was accepted.

        Returns:
            Whether an accepted report exists now; if not, ``last_refusal`` says why.
        """
        if self.accepted is None:
            try:
                self._accept(read_result_file(path, self._expect))
            except Refused as refusal:
                self._refuse(refusal, "final")
        return self.accepted is not None

    def _answer_final(self, message: Message) -> Message:
        if message.get("type") != "final":
            raise Refused(f"type: found {shown(message.get('type'))}, write 'final' or 'progress'")
        if self.accepted is None:
            self._accept(check_final(message, self._expect))
        else:
            check_sender(message, self._expect)
        note = "" if self._expect.model_kept else ": the model is not kept, for the job has no output"
        return {"accepted": True, "message": f"accepted{note}"}

    def _accept(self, report: FinalReport) -> None:
        _stored(self._keep, report)
        self.accepted = report

    def _answer_progress(self, message: Message) -> Message:
        report = check_progress(message, self._expect)
        if self.accepted is not None:
            raise Refused("progress: the final report was already accepted, nothing counts after it")
        said = _stored(self._progress, report)
        return {"accepted": said.accepted, "stop": said.stop, "message": said.message}

    def _refuse(self, refusal: Refused, kind: object) -> Message:
        reason = str(refusal)
        if kind == "progress":
            return {"accepted": False, "stop": False, "message": reason}
        self.last_refusal, self.diverged = reason, isinstance(refusal, Diverged)
        return {"accepted": False, "message": reason}


def _stored(store: Callable[[_Report], _Answer], report: _Report) -> _Answer:
    try:
        return store(report)
    except OSError as error:
        raise Refused(f"report: could not be kept ({error.strerror}): report again later") from None


class Inbox:
    """A unix socket that answers each line it is sent, inside the caller's own loop.

    Every selector key's ``data`` is a function of the event mask, which the loop calls. Many requests may
    come over one connection; of more than ``CONNECTIONS`` clients the longest silent one is closed.
    """

    def __init__(self, path: str | os.PathLike[str], answer: Callable[[Message], Message]) -> None:
        """Open the socket, in the place of a dead process's one.

        Raises:
            OSError: if the path is not free, not writable or longer than 107 bytes.
        """
        self.path = Path(path)
        self._answer = answer
        self._selector: selectors.BaseSelector | None = None
        self._connections: dict[_Connection, None] = {}
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._bind()
        except OSError:
            self._listener.close()
            raise

    def _bind(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISSOCK(self.path.lstat().st_mode):
                self.path.unlink()
        self._listener.bind(str(self.path))
        self.path.chmod(_SOCKET_MODE)
        self._inode = self.path.lstat().st_ino
        self._listener.setblocking(False)
        self._listener.listen(CONNECTIONS)

    def register(self, selector: selectors.BaseSelector) -> None:
        """Let the caller's loop drive this inbox from now on."""
        self._selector = selector
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        """End every connection and remove the socket, unless it is a successor's by now; may be repeated."""
        for connection in list(self._connections):
            connection.close()
        if self._selector is not None:
            self._selector.unregister(self._listener)
            self._selector = None
        self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            if self.path.lstat().st_ino == self._inode:
                self.path.unlink()

    def _accept(self, _mask: int) -> None:
        if self._selector is None:
            return
        try:
            peer, _ = self._listener.accept()
        except OSError as error:
            # Out of descriptors the loop would spin: the client stays in the queue until one is free again.
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._close_longest_silent()
            return
        if len(self._connections) >= CONNECTIONS:
            self._close_longest_silent()
        self._connections[_Connection(peer, self._selector, self._answer, self._connections)] = None

    def _close_longest_silent(self) -> None:
        for connection in list(self._connections)[:1]:
            connection.close()


class _Connection:
    """One client. While a reply waits to be taken nothing more is read, so a client cannot make us grow."""

    def __init__(
        self,
        peer: socket.socket,
        selector: selectors.BaseSelector,
        answer: Callable[[Message], Message],
        among: dict[_Connection, None],
    ) -> None:
        peer.setblocking(False)
        self._peer = peer
        self._selector = selector
        self._answer = answer
        self._among = among
        self._received = bytearray()
        self._reply = b""
        self._last = False
        selector.register(peer, selectors.EVENT_READ, self._ready)

    def close(self) -> None:
        """End the connection."""
        del self._among[self]
        self._selector.unregister(self._peer)
        self._peer.close()

    def _ready(self, mask: int) -> None:
        if self not in self._among:  # closed earlier in the same turn of the loop
            return
        self._among[self] = self._among.pop(self)
        try:
            if mask & selectors.EVENT_READ:
                self._receive()
            self._work()
        except ConnectionError:
            self.close()

    def _receive(self) -> None:
        with contextlib.suppress(BlockingIOError):
            chunk = self._peer.recv(_CHUNK)
            self._received += chunk
            self._last = self._last or not chunk

    def _work(self) -> None:
        while self._flushed():
            line = self._next_line()
            if line is None:
                break
            self._reply = encode_reply(self._answered(line))
            if self not in self._among:  # the answer closed the inbox
                return
        if self._last and not self._reply:
            self.close()
            return
        self._selector.modify(self._peer, selectors.EVENT_WRITE if self._reply else selectors.EVENT_READ, self._ready)

    def _flushed(self) -> bool:
        if self._reply:
            with contextlib.suppress(BlockingIOError):
                self._reply = self._reply[self._peer.send(self._reply) :]
        return not self._reply

    def _next_line(self) -> bytes | None:
        end = self._received.find(b"\n")
        if end < 0 and len(self._received) <= LINE_BYTES:
            return None
        line = bytes(self._received[:end] if end >= 0 else self._received)
        del self._received[: len(line) + 1]
        return line

    def _answered(self, line: bytes) -> Message:
        if len(line) > LINE_BYTES:
            self._last = True
            self._received.clear()
            return {
                "accepted": False,
                "message": f"request: longer than {LINE_BYTES} bytes, nothing was read of it",
            }
        try:
            return self._answer(parse_request(line))
        except Refused as refusal:
            return {"accepted": False, "message": str(refusal)}
