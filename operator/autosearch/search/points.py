"""Which points of a finite space are taken.

Owns: that no point is tried twice while there are unused ones. Where the space is endless, every point counts as
unused.
"""

from collections.abc import Callable, Iterable

from autosearch.api.trial import Values
from autosearch.search.records import TrialRecord
from autosearch.search.space import SearchSpace


class UsedPoints:
    """The points that trials have, running ones included."""

    def __init__(self, space: SearchSpace, trials: Iterable[TrialRecord]) -> None:
        self._space = space
        self._size = space.size
        self._taken = set() if self._size is None else {space.position(t.parameters) for t in trials}

    @property
    def full(self) -> bool:
        """Whether every point of the space is taken."""
        return self._size is not None and len(self._taken) >= self._size

    def take(self, values: Values) -> None:
        """Count a point as used."""
        if self._size is not None:
            self._taken.add(self._space.position(values))

    def unused(self, draw: Callable[[int], Values], tries: int) -> Values:
        """Give the first unused one of `draw(0)`, `draw(1)`, ..., `draw(tries - 1)`.

        If all are taken: the unused point that follows the first draw in the order of `SearchSpace.at`. That takes at
        most as many steps as there are taken points, however large the space is. If the space is full: the first draw.
        """
        first = draw(0)
        if self._size is None or self.full or self._space.position(first) not in self._taken:
            return first
        for attempt in range(1, tries):
            values = draw(attempt)
            if self._space.position(values) not in self._taken:
                return values
        return self._space.at(self._next_unused(self._space.position(first), self._size))

    def _next_unused(self, position: int, size: int) -> int:
        while position in self._taken:
            position = (position + 1) % size
        return position
