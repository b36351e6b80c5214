"""Which jobs want a pass: a queue of keys with the semantics of client-go's work queue.

Owns: that a key is worked on by one worker at a time, that any number of wishes meanwhile become one more pass, delays
and the growing back-off after errors. It knows nothing of what the keys mean.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable

_FIRST_DELAY, _LONGEST_DELAY = 0.05, 30.0
_DOUBLINGS = 12


class WorkQueue:
    """Keys that wait for a worker, each at most once."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        """Begin empty.

        Args:
            jitter: numbers from 0 to 1 that spread repeated tries.
        """
        self._ready: deque[str] = deque()
        self._waiting: set[str] = set()
        self._working: set[str] = set()
        self._dirty: set[str] = set()
        self._failures: dict[str, int] = {}
        # When, and what to cancel: uvloop's handles of times that are close do not tell when.
        self._timers: dict[str, tuple[float, asyncio.Handle]] = {}
        self._news = asyncio.Event()
        self._jitter = jitter

    def __len__(self) -> int:
        return len(self._ready)

    def add(self, key: str) -> None:
        """Ask for a pass as soon as a worker is free; while the key is worked on: for one more afterwards."""
        if key in self._working:
            self._dirty.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.append(key)
            self._news.set()

    def add_after(self, key: str, seconds: float) -> None:
        """Ask for a pass within so many seconds; the earliest of several such wishes counts."""
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        due = loop.time() + max(seconds, 0.0)
        if timer is not None:
            if timer[0] <= due:
                return
            timer[1].cancel()
        self._timers[key] = due, loop.call_at(due, self._expire, key)

    def add_after_failure(self, key: str, at_least: float = 0.0) -> float:
        """Ask for another try, the later the more tries failed in a row; gives the seconds until then."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = min(_FIRST_DELAY * 2.0 ** min(failures - 1, _DOUBLINGS), _LONGEST_DELAY)
        delay = max(delay * (0.75 + 0.5 * self._jitter()), at_least)
        self.add_after(key, delay)
        return delay

    def forget(self, key: str) -> None:
        """Note a success: the next failure is the first one again."""
        self._failures.pop(key, None)

    async def get(self) -> str:
        """Wait for a key and take it; `done` must follow."""
        while not self._ready:
            self._news.clear()
            await self._news.wait()
        key = self._ready.popleft()
        self._waiting.discard(key)
        self._working.add(key)
        return key

    def done(self, key: str) -> None:
        """Give a key back."""
        self._working.discard(key)
        if key in self._dirty:
            self._dirty.discard(key)
            self.add(key)

    def drop(self, key: str) -> None:
        """Forget all about a key whose object is gone."""
        self._failures.pop(key, None)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer[1].cancel()

    def _expire(self, key: str) -> None:
        self._timers.pop(key, None)
        self.add(key)
