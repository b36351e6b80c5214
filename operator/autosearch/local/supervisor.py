"""The one process that starts and ends the processes of all trials, and lets none of them outlive the runner.

Owns: sessions, log files, signals and the hunt for what a trial leaves behind. It imports the
standard library and two neighbours of the same kind alone, so that it costs some milliseconds and a few megabytes. It
speaks JSON lines over an inherited socket; when the runner's end closes, however that came about, it kills every
descendant and ends.

Orders: ``{"order": "start", "id", "token", "command", "env", "cwd", "log", "copies": [[from, to, [left out]]]}`` and
``{"order": "stop", "id", "grace"}``. News: ``{"news": "started", "id", "pid", "time"}`` and
``{"news": "ended", "id", "code", "time", "oom"}``, where ``code`` is the exit code, or 128 + the signal.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import selectors
import signal
import socket
import sys
import time
from typing import Any, NoReturn

from autosearch.local.copying import copy_tree
from autosearch.local.descendants import adopt_orphans, children_of, kill, oom_kills, token_of
from autosearch.proposing.parent import die_with_parent

NOT_EXECUTABLE = 126
NOT_FOUND = 127
COPY_FAILED = 125
_CHUNK = 1 << 16
_LONGEST_GRACE = 86_400.0
_RESET = (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGCHLD)

Message = dict[str, Any]


class _Trial:
    """One trial's main process; `code` is set once that ended, while what it left behind is being killed."""

    def __init__(self, name: str, token: str, pid: int) -> None:
        self.name = name
        self.token = token
        self.pid = pid
        self.code: int | None = None
        self.ended = 0.0
        self.kill_at: float | None = None
        self.killed = False
        self.oom_kills = oom_kills()
        self.oom = False


class Supervisor:
    """Carries out the runner's orders, until its end of the channel closes."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._received = bytearray()
        self._trials: dict[str, _Trial] = {}
        self._suspects: dict[int, set[str]] = {}
        self._woken = False

    def serve(self) -> None:
        """Work until the runner is gone, then kill what is left."""
        self._wakeup, written = socket.socketpair()
        for end in (self._wakeup, written):
            end.setblocking(False)
        signal.set_wakeup_fd(written.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._loop()
        finally:
            self._end_all()

    def _loop(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ, self._obey)
            selector.register(self._wakeup, selectors.EVENT_READ, self._wake)
            going = True
            while going:
                for key, _ in selector.select(self._patience()):
                    going = key.data() and going
                self._kill_overdue()

    def _patience(self) -> float | None:
        times = [trial.kill_at for trial in self._trials.values() if trial.kill_at is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _wake(self) -> bool:
        signals = self._wakeup.recv(_CHUNK)
        if signal.SIGTERM in signals:
            return False
        self._reap()
        return True

    def _obey(self) -> bool:
        try:
            chunk = self._channel.recv(_CHUNK)
        except ConnectionError:
            return False
        self._received += chunk
        while (end := self._received.find(b"\n")) >= 0:
            order = json.loads(self._received[:end])
            del self._received[: end + 1]
            (self._start if order["order"] == "start" else self._stop)(order)
        return bool(chunk)

    def _start(self, order: Message) -> None:
        try:
            pid = _fork(order)
        except OSError as error:
            # No log, or no process to be had: that is this trial's end, and not all trials'.
            sys.stderr.write(f"autosearch: {order['id']} cannot be started: {error}\n")
            now = time.time()
            self._tell({"news": "started", "id": order["id"], "pid": 0, "time": now})
            self._tell({"news": "ended", "id": order["id"], "code": COPY_FAILED, "time": now, "oom": False})
            return
        self._trials[order["id"]] = _Trial(order["id"], order["token"], pid)
        self._tell({"news": "started", "id": order["id"], "pid": pid, "time": time.time()})

    def _stop(self, order: Message) -> None:
        trial = self._trials.get(order["id"])
        if trial is None or trial.code is not None:
            return
        with contextlib.suppress(PermissionError):  # it changed its user: it is none of the others' business
            try:
                os.killpg(trial.pid, signal.SIGTERM)
            except ProcessLookupError:
                # Not yet the leader of its group just after the fork: then it alone is there to be told.
                os.kill(trial.pid, signal.SIGTERM)
        deadline = time.monotonic() + min(order["grace"], _LONGEST_GRACE)
        trial.kill_at = deadline if trial.kill_at is None else min(deadline, trial.kill_at)

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        for trial in self._trials.values():
            if trial.kill_at is not None and trial.kill_at <= now and trial.code is None:
                kill(trial.pid, group=True)
                kill(trial.pid)
                trial.kill_at, trial.killed = None, True

    def _reap(self) -> None:
        by_pid = {trial.pid: trial for trial in self._trials.values() if trial.code is None}
        while (pid := _dead_child()) is not None:
            trial = by_pid.pop(pid, None)
            if trial is not None:
                # Before anybody waited for it, its id cannot have become another group's.
                kill(pid, group=True)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            if trial is not None:
                self._note_end(trial, code)
        self._sweep()

    def _note_end(self, trial: _Trial, code: int) -> None:
        trial.oom = code == -signal.SIGKILL and not trial.killed and oom_kills() > trial.oom_kills
        trial.code = code if code >= 0 else 128 - code
        trial.ended = time.time()
        trial.kill_at = None

    def _sweep(self) -> None:
        """Kill the orphans of trials that ended, and tell the end of those that have none left."""
        running = {trial.token for trial in self._trials.values() if trial.code is None}
        orphans = set(children_of(os.getpid())) - {t.pid for t in self._trials.values() if t.code is None}
        self._suspects = {pid: owners for pid, owners in self._suspects.items() if pid in orphans}
        haunted: set[str] = set()
        for pid in orphans:
            owners = self._owners(pid)
            if not owners & running:
                kill(pid)
                haunted |= owners
        for trial in [t for t in self._trials.values() if t.code is not None and t.token not in haunted]:
            del self._trials[trial.name]
            self._tell(
                {
                    "news": "ended",
                    "id": trial.name,
                    "code": trial.code,
                    "time": trial.ended,
                    "oom": trial.oom,
                }
            )

    def _owners(self, pid: int) -> set[str]:
        tokens = {trial.token for trial in self._trials.values()}
        owner = token_of(pid)
        if owner in tokens:
            return {owner}
        # Its environment was cleared: any trial that was alive when it showed up may have started it.
        return self._suspects.setdefault(pid, tokens)

    def _tell(self, news: Message) -> None:
        with contextlib.suppress(ConnectionError):  # the next read sees the end of the runner
            self._channel.sendall(json.dumps(news).encode() + b"\n")

    def _end_all(self) -> None:
        for trial in self._trials.values():
            if trial.code is None:
                kill(trial.pid, group=True)
        with contextlib.suppress(ChildProcessError):
            while True:
                # Each death may bring its children to us.
                for pid in children_of(os.getpid()):
                    kill(pid)
                os.waitpid(-1, 0)


def _dead_child() -> int | None:
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return None if found is None else found.si_pid


def _fork(order: Message) -> int:
    """Fork a trial; gives its process id. Raises `OSError` if its log or the process cannot be had."""
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    # A signal between the fork and the reset of the handlers would be told to the parent, as if it were the parent's.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _RESET)
    try:
        parent = os.getpid()
        pid = os.fork()
        if not pid:
            _become_trial(order, log, parent)
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(log)


def _become_trial(order: Message, log: int, parent: int) -> NoReturn:
    """Turn the forked child into the trial; it ends with 125 to 127 and a line in the log if that cannot be."""
    code = NOT_EXECUTABLE
    try:
        signal.set_wakeup_fd(-1)
        for number in _RESET:
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        die_with_parent(parent)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        code = COPY_FAILED
        for source, target, left_out in order["copies"]:
            copy_tree(source, target, left_out)
        code = NOT_EXECUTABLE
        os.chdir(order["cwd"])
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AUTOSEARCH_")}
        os.execvpe(order["command"][0], order["command"], {**inherited, **order["env"]})  # noqa: S606 - to start what the user wrote is its purpose
    except OSError as error:
        os.write(2, f"autosearch: cannot {_doing(order, code)}: {error.strerror}\n".encode(errors="replace"))
        code = NOT_FOUND if error.errno == errno.ENOENT and code == NOT_EXECUTABLE else code
    except BaseException as error:  # this child must never return into the loop
        os.write(2, f"autosearch: cannot {_doing(order, code)}: {error}\n".encode(errors="replace"))
    os._exit(code)


def _doing(order: Message, code: int) -> str:
    return f"copy code or data to {order['cwd']}" if code == COPY_FAILED else f"run {order['command'][0]!r}"


def _keep_descriptors() -> None:
    """Pass none of the inherited descriptors on: a trial that held the channel or the lock would keep us alive."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names, not paths
        if int(name) > 2:  # noqa: PLR2004 - the standard streams
            with contextlib.suppress(OSError):  # the one that listed the folder is closed by now
                os.set_inheritable(int(name), False)


def main(descriptor: int) -> None:
    """Supervise for the runner at the other end of an inherited socket."""
    _keep_descriptors()
    adopt_orphans(True)
    Supervisor(socket.socket(fileno=descriptor)).serve()
