"""How much one sender may ask for: token buckets by key, and requests in flight by key.

Owns: counting. It never sleeps, never knows who the keys are, and its memory is bounded: what is forgotten first is who
has not asked for the longest time, and such a one has its full allowance again anyway.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from time import monotonic

from autosearch.kubernetes.report_answers import Rejected

MOST_KEYS = 20_000


class Buckets:
    """One token bucket for each key."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = monotonic) -> None:
        """Give each key `burst` tokens, refilled at `rate` tokens per second."""
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def wait(self, key: str) -> float:
        """Give the seconds until the key has a token; 0 if it has one."""
        return max(0.0, (1.0 - self._level(key)) / self._rate)

    def spend(self, key: str) -> None:
        """Take a token, if there is one."""
        self._levels[key] = (max(0.0, self._level(key) - 1.0), self._clock())
        self._levels.move_to_end(key)
        if len(self._levels) > MOST_KEYS:
            self._levels.popitem(last=False)

    def _level(self, key: str) -> float:
        level, since = self._levels.get(key, (float(self._burst), 0.0))
        return min(float(self._burst), level + (self._clock() - since) * self._rate)


class Turns:
    """Requests that are being handled, all together and of each key."""

    def __init__(self, most: int, most_each: int) -> None:
        self._most = most
        self._most_each = most_each
        self._all = 0
        self._each: Counter[str] = Counter()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold one of all turns; raises `Rejected` 503 if there is none."""
        if self._all >= self._most:
            raise Rejected(503, f"{self._most} reports are being handled, the most at once: send it again", 1)
        self._all += 1
        try:
            yield
        finally:
            self._all -= 1

    @contextmanager
    def one_of(self, key: str) -> Iterator[None]:
        """Hold one of a key's turns; raises `Rejected` 429 if there is none."""
        if self._each[key] >= self._most_each:
            raise Rejected(429, f"{self._most_each} reports of this pod are being handled, the most at once", 1)
        self._each[key] += 1
        try:
            yield
        finally:
            self._each[key] -= 1
            if not self._each[key]:
                del self._each[key]


def check(buckets: Buckets, key: str, message: str) -> None:
    """Refuse with 429 a key that has no token left; raises `Rejected`."""
    wait = buckets.wait(key)
    if wait > 0:
        raise Rejected(429, message, ceil(wait))
