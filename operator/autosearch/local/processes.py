"""The runner's end of the supervisor: orders out, news in.

Owns: the supervisor process and the socket to it, and the end of stray trial processes when there was no supervisor to
see to it. It knows attempts by their id only, and decides nothing about them.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import autosearch
from autosearch.api.errors import EnvironmentFaultError
from autosearch.local import descendants

_CHUNK = 1 << 16
# Found behind the standard library, and without anybody's site-packages.
_PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); from autosearch.local.supervisor import main; main(int(sys.argv[2]))"
)
_LAST_WORDS = 10.0
_STRAYS_LIMIT = 30.0
_STRAYS_PAUSE = 0.01


@dataclass(frozen=True, slots=True)
class Order:
    """What is started for one attempt.

    Attributes:
        id: attempt id.
        command: program and arguments.
        env: variables added to those of the runner.
        cwd: working directory; made by `copies` where it does not exist.
        log: file that gets standard output and standard error.
        copies: `(from, to, names left out)` folders to be copied before the program starts.
    """

    id: str
    command: list[str]
    env: dict[str, str]
    cwd: str
    log: str
    copies: Sequence[tuple[str, str, Sequence[str]]] = ()


@dataclass(frozen=True, slots=True)
class Started:
    """A process runs."""

    id: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """A process and all that it left behind are gone.

    Attributes:
        code: exit code, or 128 + signal.
        oom: the kernel killed it for its memory.
    """

    id: str
    code: int
    time: datetime
    oom: bool


News = Started | Ended


class SupervisorLostError(Exception):
    """The supervisor is gone; its trials' processes are gone with it once `restart` returns."""


class Processes:
    """The processes of all trials, through one supervisor."""

    def __init__(self, token: str, *, held: Sequence[int] = ()) -> None:
        """Start a supervisor.

        Args:
            token: marks the descendants of this search's trials among all processes of the machine.
            held: descriptors that the supervisor keeps open as long as it lives, such as the lock's.
        """
        self._token = token
        self._held = tuple(held)
        self._begin()

    def _begin(self) -> None:
        end_strays(self._token)
        self._received = bytearray()
        self._channel, theirs = socket.socketpair()
        root = str(Path(autosearch.__file__).resolve().parents[1])
        command = [sys.executable, "-I", "-S", "-c", _PROGRAM, root, str(theirs.fileno())]
        try:
            self._supervisor = subprocess.Popen(  # noqa: S603 - our own interpreter and our own file
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *self._held),
                start_new_session=True,  # a Ctrl-C in the terminal is the runner's business
            )
        finally:
            theirs.close()

    @property
    def supervisor_pid(self) -> int:
        """Process id of the supervisor."""
        return self._supervisor.pid

    def fileno(self) -> int:
        """Descriptor that becomes readable when there is news."""
        return self._channel.fileno()

    def start(self, order: Order) -> None:
        """Order a start; `Started` follows, and `Ended` whatever happens.

        Raises:
            SupervisorLostError: if there is nobody to start it.
        """
        token = f"{self._token}/{order.id}"
        env = {**order.env, descendants.TOKEN: token}
        self._send({"order": "start", "token": token, **asdict(order), "env": env})

    def stop(self, attempt_id: str, grace: float) -> None:
        """Order SIGTERM, and SIGKILL after so many seconds; of two orders the earlier end counts.

        Raises:
            SupervisorLostError: if there is nobody to stop it, and so nothing that runs.
        """
        self._send({"order": "stop", "id": attempt_id, "grace": grace})

    def _send(self, order: dict[str, object]) -> None:
        try:
            self._channel.sendall(json.dumps(order).encode() + b"\n")
        except ConnectionError:
            raise SupervisorLostError from None

    def news(self) -> list[News]:
        """Give what happened; call it when `fileno` is readable.

        Raises:
            SupervisorLostError: if the supervisor has died.
        """
        try:
            chunk = self._channel.recv(_CHUNK)
        except ConnectionError:
            chunk = b""
        if not chunk:
            raise SupervisorLostError
        *lines, rest = (self._received + chunk).split(b"\n")
        self._received = bytearray(rest)
        return [_read(json.loads(line)) for line in lines]

    def restart(self) -> None:
        """Start a new supervisor in place of a lost one, after everything that the old one ran was killed."""
        self.close()
        self._begin()

    def close(self) -> None:
        """Let the supervisor kill everything and end; may be repeated."""
        self._channel.close()
        try:
            self._supervisor.wait(_LAST_WORDS)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()
        end_strays(self._token)


def _read(news: dict[str, object]) -> News:
    when = datetime.fromtimestamp(float(str(news["time"])), UTC)
    if news["news"] == "started":
        return Started(str(news["id"]), when)
    return Ended(str(news["id"]), int(str(news["code"])), when, bool(news["oom"]))


def end_strays(token: str) -> None:
    """Kill every process that carries the token, and wait until none is left.

    Raises:
        EnvironmentFaultError: if one cannot be killed.
    """
    limit = time.monotonic() + _STRAYS_LIMIT
    mark = f"{token}/"
    while strays := [pid for pid in descendants.all_processes() if descendants.token_of(pid).startswith(mark)]:
        if time.monotonic() > limit:
            raise EnvironmentFaultError(
                f"processes {strays} of an earlier run cannot be killed: end them, then run the same command again"
            )
        for pid in strays:
            descendants.kill(pid)
        time.sleep(_STRAYS_PAUSE)
        for pid in strays:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
