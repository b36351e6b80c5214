"""The worker processes that run the algorithms, shared by all jobs of an operator.

Owns: which worker a job's questions go to (always the same one, which remembers the job), the queue before each, and
the time limit. The event loop never waits for an answer.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import monotonic

from autosearch.engine.snapshot import Answer, Question
from autosearch.proposing.proposer import TIME_LIMIT, Proposer
from autosearch.search.records import Search, TrialRecord

Answered = Callable[[str, Answer, float], None]


@dataclass(frozen=True, slots=True)
class _Wish:
    question: Question
    search: Search
    trials: Sequence[TrialRecord]


class Proposers:
    """Asks algorithms, one question at a time for each job and each worker."""

    def __init__(self, count: int, log: Path, answered: Answered, *, time_limit: float = TIME_LIMIT) -> None:
        """Prepare; processes start with the first question.

        Args:
            count: worker processes.
            log: file that gets what they print.
            answered: told the key, the answer, and the seconds that it took.
            time_limit: seconds for one answer.
        """
        self._workers = [_Worker(Proposer(log, time_limit), answered) for _ in range(count)]

    def ask(self, key: str, question: Question, search: Search, trials: Sequence[TrialRecord]) -> None:
        """Ask on behalf of a job; an older question of it that still waits is replaced."""
        self._worker(key).ask(key, _Wish(question, search, trials))

    def asked(self, key: str) -> Question | None:
        """Give a job's question that is being worked on, or waits for a worker."""
        return self._worker(key).asked(key)

    def drop(self, key: str) -> None:
        """Forget the questions of a job that is gone."""
        self._worker(key).drop(key)

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.close()

    def _worker(self, key: str) -> "_Worker":
        return self._workers[sha256(key.encode()).digest()[0] % len(self._workers)]


class _Worker:
    def __init__(self, proposer: Proposer, answered: Answered) -> None:
        self._proposer = proposer
        self._answered = answered
        self._waiting: OrderedDict[str, _Wish] = OrderedDict()
        self._current: tuple[str, Question, float] | None = None
        self._descriptor: int | None = None
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, key: str, wish: _Wish) -> None:
        self._waiting[key] = wish
        if self._current is None:
            self._next()

    def asked(self, key: str) -> Question | None:
        if key in self._waiting:
            return self._waiting[key].question
        return self._current[1] if self._current is not None and self._current[0] == key else None

    def drop(self, key: str) -> None:
        self._waiting.pop(key, None)

    def close(self) -> None:
        self._unlisten()
        self._waiting.clear()
        self._proposer.close()

    def _next(self) -> None:
        if not self._waiting:
            return
        key, wish = self._waiting.popitem(last=False)
        self._current = (key, wish.question, monotonic())
        try:
            self._proposer.ask(wish.question, wish.search, wish.trials)
        except OSError as error:
            answer = Answer(wish.question, error=f"the algorithm's process cannot be started: {error}")
            asyncio.get_running_loop().call_soon(self._finish, answer)
            return
        self._listen()

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        connection, due = self._proposer.connection, self._proposer.due
        if connection is not None:
            self._descriptor = connection.fileno()
            loop.add_reader(self._descriptor, self._hear)
        if due is not None:
            self._timer = loop.call_later(max(0.0, due - monotonic()) + 0.01, self._hear)

    def _unlisten(self) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                asyncio.get_running_loop().remove_reader(self._descriptor)
            self._descriptor = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hear(self) -> None:
        self._unlisten()
        try:
            answer = self._proposer.answer()
        except OSError as error:
            answer = Answer(self._current[1], error=str(error)) if self._current else None
        if answer is None:
            self._listen()
        else:
            self._finish(answer)

    def _finish(self, answer: Answer) -> None:
        assert self._current is not None
        key, _, began = self._current
        self._current = None
        self._answered(key, answer, monotonic() - began)
        if self._current is None:
            self._next()
