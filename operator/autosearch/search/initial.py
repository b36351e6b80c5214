"""The user's own parameter sets, which are tried first.

Owns: `initialTrials` occupy the first numbers, whatever the algorithm. With a population these are the first members of
round 0.
"""

from collections.abc import Iterable, Mapping

from autosearch.api.base import Scalar
from autosearch.api.trial import Values
from autosearch.search.records import Search
from autosearch.search.space import SearchSpace

SAMPLER = "initial"


def initial_point(search: Search, number: int) -> Values | None:
    """Give the user's parameter set for a trial number; None if there is none left."""
    return search.space.canonical(search.initial[number]) if number < len(search.initial) else None


def distinct(space: SearchSpace, points: Iterable[Mapping[str, Scalar]]) -> tuple[Values, ...]:
    """Give each parameter set once, with values of their declared types.

    Raises:
        ValueError: a value is not one of its parameter's kind.
    """
    found: dict[tuple[Scalar, ...], Values] = {}
    for point in points:
        values = space.canonical(point)
        found.setdefault(space.key(values), values)
    return tuple(found.values())
