"""The three optimizers of the `cmaes` package behind one face: floats alone, with whole numbers, with categories.

Owns: the coordinates. Each parameter with more than one value is a coordinate of the unit cube, or a category. It knows
no trials; a model is told solutions and asked for points, and asking changes nothing that a later answer depends on.
Source: package `cmaes`: CMA, CMAwM (arXiv 2205.13482), CatCMAwM (arXiv 2504.07884).
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from cmaes import CMA, CatCMAwM, CMAwM

from autosearch.api.base import Scalar
from autosearch.api.trial import Values
from autosearch.search.space import Dimension, SearchSpace

# The package's solution in its own coordinates: an array, or a `CatCMAwM.Solution`.
Solution = Any
# A range with more values than this is as good as continuous: what is asked is rounded.
_MOST_VALUES = 1000


class Model(Protocol):
    """A search distribution that learns from generations of solutions."""

    def ask(self, seed: int) -> tuple[Values, Solution] | None:
        """Draw a point, and the solution to tell for it; None if the distribution has degenerated."""
        ...

    def solution(self, values: Values) -> Solution:
        """Give the solution to tell for a point that was not drawn from this distribution."""
        ...

    def tell(self, ranked: Sequence[tuple[Solution, float]]) -> None:
        """Learn from one generation; lower ranks are better."""
        ...


def model_of(space: SearchSpace, population: int, sigma: float) -> Model:
    """Give the untaught model for a space with at least one parameter that has two values.

    Args:
        space: the search space.
        population: solutions in a generation, at least 4.
        sigma: the first standard deviation, as a share of the range.
    """
    moving = [d for d in space.dimensions if d.count != 1]
    if any(not d.ordered or _uneven(d) for d in moving):
        return _Mixed(space, population, sigma)
    return _Numbers(space, population, sigma)


def _stepped(dimension: Dimension) -> bool:
    return dimension.count is not None and dimension.count <= _MOST_VALUES


def _uneven(dimension: Dimension) -> bool:
    """Say whether a parameter has few values at unequal distances, as whole numbers on a logarithmic scale have."""
    return dimension.log and _stepped(dimension)


class _Numbers:
    """Ordered parameters: CMA if all are continuous, else CMAwM, which keeps coarse ones from getting stuck."""

    def __init__(self, space: SearchSpace, population: int, sigma: float) -> None:
        self._space = space
        self._moving = [d for d in space.dimensions if d.count != 1]
        mean = np.full(len(self._moving), 0.5)
        cells = [1 / d.count if d.count is not None and _stepped(d) else 0.0 for d in self._moving]
        bounds = np.array([(cell / 2, 1 - cell / 2) for cell in cells])
        self._with_margin = any(cells)
        self._optimizer: Any = (
            CMAwM(mean, sigma, bounds, np.array(cells), population_size=population)
            if self._with_margin
            else CMA(mean, sigma, bounds, population_size=population)
        )

    def ask(self, seed: int) -> tuple[Values, Solution] | None:
        self._optimizer.reseed_rng(seed)
        drawn = self._optimizer.ask()
        point, solution = drawn if self._with_margin else (drawn, drawn)
        if not np.all(np.isfinite(solution)):
            return None
        units = {d.name: float(unit) for d, unit in zip(self._moving, point, strict=True)}
        return _values(self._space, units), solution

    def solution(self, values: Values) -> Solution:
        return np.array([d.to_unit(values[d.name]) for d in self._moving])

    def tell(self, ranked: Sequence[tuple[Solution, float]]) -> None:
        self._optimizer.tell(list(ranked))


class _Mixed:
    """Parameters with and without order: CatCMAwM."""

    def __init__(self, space: SearchSpace, population: int, sigma: float) -> None:
        moving = [d for d in space.dimensions if d.count != 1]
        self._space = space
        self._categories = [d for d in moving if not d.ordered]
        self._steps = [d for d in moving if d.ordered and _stepped(d)]
        self._continuous = [d for d in moving if d.ordered and not _stepped(d)]
        axes = len(self._continuous) + len(self._steps)
        gaussian = {"mean": np.full(axes, 0.5), "sigma": sigma, "cov": np.eye(axes)} if axes else {}
        self._optimizer: Any = CatCMAwM(
            x_space=[[0.0, 1.0] for _ in self._continuous] or None,
            z_space=[_cells(d) for d in self._steps] or None,
            c_space=[d.count or 0 for d in self._categories] or None,
            population_size=population,
            **gaussian,
        )

    def ask(self, seed: int) -> tuple[Values, Solution] | None:
        self._optimizer.reseed_rng(seed)
        solution = self._optimizer.ask()
        if not self._sound(solution):
            return None
        units = {d.name: float(unit) for d, unit in zip(self._continuous, _given(solution.x), strict=True)}
        units |= {d.name: float(unit) for d, unit in zip(self._steps, _given(solution.z), strict=True)}
        chosen = {d.name: d.at(int(row.argmax())) for d, row in zip(self._categories, _given(solution.c), strict=True)}
        return _values(self._space, units, chosen), solution

    def _sound(self, solution: Solution) -> bool:
        finite = all(np.all(np.isfinite(part)) for part in (_given(solution.x), _given(solution.z)))
        # A row without a choice comes from probabilities that are no longer numbers, or, once in 1e16, from rounding.
        return finite and all(row.sum() == 1 for row in _given(solution.c))

    def solution(self, values: Values) -> Solution:
        x = np.array([d.to_unit(values[d.name]) for d in self._continuous])
        z = np.array([d.to_unit(values[d.name]) for d in self._steps])
        rows = np.zeros((len(self._categories), max((d.count or 0 for d in self._categories), default=0)), dtype=bool)
        for row, dimension in zip(rows, self._categories, strict=True):
            row[dimension.index_of(values[dimension.name])] = True
        return CatCMAwM.Solution(x, z, rows, np.concatenate([x, z]))

    def tell(self, ranked: Sequence[tuple[Solution, float]]) -> None:
        self._optimizer.tell(list(ranked))


def _cells(dimension: Dimension) -> list[float]:
    return [dimension.to_unit(dimension.at(index)) for index in range(dimension.count or 0)]


def _given(part: Any) -> Any:
    return () if part is None else part


def _values(space: SearchSpace, units: dict[str, float], chosen: dict[str, Scalar] | None = None) -> Values:
    """Give the point; a parameter that is neither a coordinate nor a category has one value."""
    fixed = chosen or {}
    return {
        d.name: fixed[d.name] if d.name in fixed else d.from_unit(units[d.name]) if d.name in units else d.at(0)
        for d in space.dimensions
    }
