"""The worker process that runs the algorithms, seen from the runner.

Owns: that process, its time limit and its end. It never waits for an answer: the runner's loop goes on meanwhile.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from operator import attrgetter
from pathlib import Path
from pickle import UnpicklingError

import autosearch
from autosearch.engine.snapshot import Answer, Question
from autosearch.search.records import Proposals, Search, TrialRecord
from autosearch.search.worker import FORGOTTEN, Changes, Key, key_of

TIME_LIMIT = 60.0
_TRIES = 2
_LAST_WORDS = 1.0
_REMEMBERED = 32
_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from autosearch.proposing.parent import die_with_parent
die_with_parent(int(sys.argv[3]))
from multiprocessing.connection import Connection
from autosearch.search.worker import serve
serve(Connection(int(sys.argv[2])))
"""

_values = attrgetter(*(field.name for field in fields(TrialRecord)))
# A dataclass's own way to be pickled takes three times as long.
ForkingPickler.register(TrialRecord, lambda record: (TrialRecord, _values(record)))


@dataclass(frozen=True, slots=True)
class _Task:
    question: Question
    search: Search
    trials: Sequence[TrialRecord]
    tries: int
    due: float


class Proposer:
    """Asks the algorithm one question at a time."""

    def __init__(self, log: Path, time_limit: float = TIME_LIMIT, program: str = _PROGRAM) -> None:
        """Prepare to work; the process starts with the first question.

        Args:
            log: file that gets what the worker prints.
            time_limit: seconds for one answer, the worker's start included.
            program: what the worker runs; tests put faulty ones here.
        """
        self._log = log
        self._limit = time_limit
        self._program = program
        self._worker: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._sending: threading.Thread | None = None
        self._task: _Task | None = None
        self._sent: OrderedDict[Key, Sequence[TrialRecord]] = OrderedDict()

    @property
    def asked(self) -> Question | None:
        """The question that is being worked on."""
        return self._task.question if self._task is not None else None

    @property
    def due(self) -> float | None:
        """When the answer is overdue, on the clock of `time.monotonic`."""
        return self._task.due if self._task is not None else None

    @property
    def connection(self) -> Connection | None:
        """What becomes readable with the answer; another one after a failure."""
        return self._connection

    def ask(self, question: Question, search: Search, trials: Sequence[TrialRecord]) -> None:
        """Begin to work on a question; any other one is dropped."""
        if self._task is not None:
            self.close()
        self._begin(_Task(question, search, trials, _TRIES, time.monotonic() + self._limit))

    def answer(self) -> Answer | None:
        """Give the answer, None if it is not there yet; call it when `connection` is readable or `due` has passed.

        A worker that died or ran out of time is replaced and asked once more before the answer is an error.
        """
        task, connection = self._task, self._connection
        if task is None or connection is None:
            return None
        try:
            if connection.poll():
                return self._read(task, connection.recv())
        except (EOFError, OSError, UnpicklingError):
            return self._failed(task, f"the algorithm's process ended unexpectedly; see {self._log}")
        if time.monotonic() >= task.due:
            return self._failed(task, f"the algorithm took longer than {self._limit:g} s")
        return None

    def close(self) -> None:
        """End the worker; may be repeated."""
        self._task = None
        if self._worker is not None:
            self._worker.kill()
            self._worker.wait()
            self._worker = None
        if self._sending is not None:
            # It ends with the worker; a descriptor that it still writes to must not become another file's.
            self._sending.join(_LAST_WORDS)
            self._sending = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._sent.clear()

    def _read(self, task: _Task, received: object) -> Answer | None:
        if received is FORGOTTEN:
            self._sent.clear()
            self._send(task)
            return None
        self._task = None
        if isinstance(received, Proposals):
            return Answer(task.question, received)
        return Answer(task.question, error=str(received))

    def _failed(self, task: _Task, error: str) -> Answer | None:
        self.close()
        if task.tries <= 1:
            return Answer(task.question, error=error)
        due = time.monotonic() + self._limit
        self._begin(_Task(task.question, task.search, task.trials, task.tries - 1, due))
        return None

    def _begin(self, task: _Task) -> None:
        self._task = task
        self._send(task)

    def _send(self, task: _Task) -> None:
        connection = self._connection or self._start()
        # A worker that still starts, or hangs, reads nothing: the runner must not wait for it.
        request = (task.search, self._changes(task), task.question.slots)
        self._sending = threading.Thread(target=_send, args=(connection, request), daemon=True)
        self._sending.start()

    def _changes(self, task: _Task) -> Changes:
        """Give what the worker does not know from the job's last question; two thousand records take milliseconds."""
        key, trials = key_of(task.search), task.trials
        before = self._sent.get(key, ())
        if len(trials) < len(before):
            before = ()
        changed = [(i, new) for i, (old, new) in enumerate(zip(before, trials, strict=False)) if old is not new]
        changed += enumerate(trials[len(before) :], len(before))
        self._sent[key] = trials
        self._sent.move_to_end(key)
        while len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)
        return Changes(len(before), changed)

    def _start(self) -> Connection:
        self._connection, theirs = Pipe()
        root = str(Path(autosearch.__file__).resolve().parents[1])
        arguments = [sys.executable, "-c", self._program, root, str(theirs.fileno()), str(os.getpid())]
        try:
            with self._log.open("ab") as log:
                self._worker = subprocess.Popen(  # noqa: S603 - our own interpreter and our own program
                    arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,  # a Ctrl-C in the terminal is the runner's business
                )
        finally:
            theirs.close()
        return self._connection


def _send(connection: Connection, request: object) -> None:
    # A worker that died is noticed where its answer is awaited.
    with contextlib.suppress(OSError):
        connection.send(request)
