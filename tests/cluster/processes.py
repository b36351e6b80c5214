"""Programs that never outlive the tests: each is killed by the kernel when the process that started it is gone.

Owns: start, end and logs of one program, free ports, and folders in memory that the next run removes where a killed
one left them.
"""

import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

LAUNCHER = Path(__file__).with_name("launch.py")
_PREFIX = "autosearch-cluster-"
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - mkdtemp makes a private folder in it
_ROOM = 1 << 30

# The kernel sends the signal when the starting thread ends, so all programs are started by one that never does.
_starter = ThreadPoolExecutor(1, thread_name_prefix="starter")


# One for each port that was given away: whoever asks meanwhile, in whatever process, gets another one.
_reservations: list[socket.socket] = []


def free_port() -> int:
    """Give a port of 127.0.0.1 that nobody listens on, from below the range that outgoing connections take theirs.

    It is reserved among tests for as long as this process lives, since its user listens only later.
    """
    for _ in range(200):
        port = 20_000 + secrets.randbelow(12_000)
        reservation = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe:
            try:
                reservation.bind(f"\0autosearch-test-port-{port}")
                probe.bind(("127.0.0.1", port))
            except OSError:
                reservation.close()
                continue
        _reservations.append(reservation)
        return port
    raise OSError("no free port between 20000 and 32000 on 127.0.0.1")


class MemoryFolder:
    """A private folder in memory, or below TMPDIR where that has no room; removed by `close`."""

    def __init__(self) -> None:
        parent = _SHARED_MEMORY if _has_room() else tempfile.gettempdir()
        _remove_abandoned(Path(parent))
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        self._lock = (self.path / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def _has_room() -> bool:
    """Say whether etcd's data fits: containers often have 64 MB there, which is one of its log files."""
    return os.access(_SHARED_MEMORY, os.W_OK) and shutil.disk_usage(_SHARED_MEMORY).free >= _ROOM


def _remove_abandoned(parent: Path) -> None:
    """Remove the folders whose owner was killed: nobody holds their lock."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            with (folder / "lock").open("r") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # in use, or just being made or removed by another run


class Part:
    """One program with its log; started again under the same arguments."""

    def __init__(self, name: str, command: list[str], log: Path, environment: dict[str, str] | None = None) -> None:
        """Args: the command's first word is the program's absolute path; the environment is the whole one."""
        self.name = name
        self.command = command
        self.log = log
        self.environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the program that runs, or ran last."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the program is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start the program; does not wait until it is ready."""
        assert not self.running, f"{self.name} runs already"
        launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), *self.command]
        with self.log.open("ab") as log:
            self._process = _starter.submit(
                lambda: subprocess.Popen(
                    launcher, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment
                )
            ).result()

    def kill(self, number: int = signal.SIGKILL, seconds: float = 30) -> None:
        """Send a signal and wait until the program is gone."""
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def wait(self, seconds: float) -> None:
        """Wait until the program has ended by itself; returns after so many seconds if it has not."""
        assert self._process is not None, f"{self.name} was never started"
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def freeze(self) -> None:
        """Stop the program in its tracks, all its threads: its connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)
        while any(state != "T" for state in self._thread_states()):
            time.sleep(0.005)

    def _thread_states(self) -> list[str]:
        stats = Path(f"/proc/{self.pid}/task").glob("*/stat")
        return [stat.read_text().rpartition(")")[2].split()[0] for stat in stats]

    def thaw(self) -> None:
        """Let a frozen program go on."""
        os.kill(self.pid, signal.SIGCONT)

    def tail(self, lines: int = 25) -> str:
        """Give the end of the log."""
        text = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"--- {self.name}, exit code {self.exit_code}, {self.log}", *text[-lines:]])
