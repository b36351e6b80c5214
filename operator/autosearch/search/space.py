"""The search space: every parameter's values, as a set to draw from, to enumerate, and to map to the unit interval.

Owns: the geometry of parameters. It knows no algorithm, and every value that leaves it is legal and of the declared
type.
"""

import math
import random
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from autosearch.api.base import Scalar
from autosearch.api.parameters import (
    Boolean,
    Categorical,
    Discrete,
    Domain,
    FloatRange,
    IntRange,
    Parameter,
    canonical_value,
    contains,
    value_count,
)
from autosearch.api.trial import Values


@dataclass(frozen=True)
class Dimension:
    """One parameter: either a continuous range, or `count` values addressed by index.

    A continuous dimension (float without step) has `count` None. Long integer ranges are counted, never listed.
    """

    parameter: Parameter

    @property
    def name(self) -> str:
        """The parameter's name."""
        return self.parameter.name

    @cached_property
    def domain(self) -> Domain:
        """The declared values."""
        return self.parameter.domain

    @cached_property
    def log(self) -> bool:
        """Whether the range is drawn on a logarithmic scale."""
        return isinstance(self.domain, FloatRange | IntRange) and self.domain.scale == "Log"

    @cached_property
    def ordered(self) -> bool:
        """Whether neighbours are similar: numbers are, categories and booleans are not."""
        return not isinstance(self.domain, Categorical | Boolean)

    @cached_property
    def count(self) -> int | None:
        """Number of legal values; None for a continuous range."""
        return value_count(self.parameter)

    def at(self, index: int) -> Scalar:
        """Give the value at an index below `count`."""
        domain = self.domain
        if isinstance(domain, Boolean):
            return bool(index)
        if isinstance(domain, Categorical):
            return domain.choices[index]
        if isinstance(domain, Discrete):
            return canonical_value(self.parameter, domain.values[index])
        if isinstance(domain, IntRange):
            return domain.min + index * (domain.step or 1)
        return self._stepped(index)

    def _stepped(self, index: int) -> float:
        domain = self.domain
        assert isinstance(domain, FloatRange) and domain.step is not None
        # Rounded to twelve digits, so that 0.1 + 2 * 0.1 is 0.3 as the user expects to read it.
        value = float(f"{domain.min + index * domain.step:.12g}")
        return min(max(value, domain.min), domain.max)

    def index_of(self, value: Scalar) -> int:
        """Give the index of a legal value of a counted dimension; the nearest one for a number in between."""
        domain = self.domain
        if isinstance(domain, Boolean):
            return int(bool(value))
        if isinstance(domain, Categorical):
            return self._choices[str(value)]
        number = float(value)
        if isinstance(domain, Discrete):
            return _nearest(domain.values, number)
        assert self.count is not None
        return min(max(round((number - domain.min) / (domain.step or 1)), 0), self.count - 1)

    @cached_property
    def _choices(self) -> dict[str, int]:
        # A dictionary, because every proposal asks for the index of every trial's value.
        assert isinstance(self.domain, Categorical)
        return {choice: index for index, choice in enumerate(self.domain.choices)}

    def from_unit(self, unit: float) -> Scalar:
        """Map [0, 1] to a value: by index where counted on a linear scale, along the range else."""
        unit = min(max(unit, 0.0), 1.0)
        domain = self.domain
        if isinstance(domain, FloatRange) and domain.step is None:
            return self._continuous(unit, domain)
        if isinstance(domain, IntRange) and self.log:
            low, high = math.log(domain.min - 0.5), math.log(domain.max + 0.5)
            return min(max(round(math.exp(low + unit * (high - low))), domain.min), domain.max)
        assert self.count is not None
        return self.at(min(int(unit * self.count), self.count - 1))

    def _continuous(self, unit: float, domain: FloatRange) -> float:
        if self.log:
            low, high = math.log(domain.min), math.log(domain.max)
            value = math.exp(low + unit * (high - low))
        else:
            value = domain.min + unit * (domain.max - domain.min)
        return min(max(value, domain.min), domain.max)

    def to_unit(self, value: Scalar) -> float:
        """Map a legal value to [0, 1]; the middle of its cell where counted, so that `from_unit` gives it back."""
        domain = self.domain
        if isinstance(domain, FloatRange) and domain.step is None:
            return self._unit_of(float(value), domain.min, domain.max)
        if isinstance(domain, IntRange) and self.log:
            return self._unit_of(float(value), domain.min - 0.5, domain.max + 0.5)
        assert self.count is not None
        return (self.index_of(value) + 0.5) / self.count

    def _unit_of(self, value: float, low: float, high: float) -> float:
        if self.log:
            value, low, high = math.log(value), math.log(low), math.log(high)
        return min(max((value - low) / (high - low), 0.0), 1.0)

    def draw(self, rng: random.Random) -> Scalar:
        """Draw from the prior: uniform on the declared scale."""
        return self.from_unit(rng.random())


def _nearest(values: Sequence[float], number: float) -> int:
    """Give the index of the nearest of increasing values, the lower one of two that are equally near."""
    above = bisect_left(values, number)
    return min(range(max(above - 1, 0), min(above + 1, len(values))), key=lambda i: (abs(values[i] - number), i))


@dataclass(frozen=True)
class SearchSpace:
    """All searched parameters, in the manifest's order."""

    dimensions: tuple[Dimension, ...]

    @classmethod
    def of(cls, parameters: Sequence[Parameter]) -> "SearchSpace":
        """Make the space of a job's `spec.parameters`."""
        return cls(tuple(Dimension(parameter) for parameter in parameters))

    @cached_property
    def size(self) -> int | None:
        """Number of points; None when a float without `step` makes it endless."""
        counts = [dimension.count for dimension in self.dimensions]
        return None if None in counts else math.prod(count for count in counts if count is not None)

    def draw(self, rng: random.Random) -> Values:
        """Draw one point from the prior."""
        return {dimension.name: dimension.draw(rng) for dimension in self.dimensions}

    def at(self, index: int) -> Values:
        """Give a point of a finite space by its position in the order of `grid`: the last parameter moves fastest."""
        values: Values = {}
        for dimension in reversed(self.dimensions):
            assert dimension.count is not None
            index, digit = divmod(index, dimension.count)
            values[dimension.name] = dimension.at(digit)
        return {dimension.name: values[dimension.name] for dimension in self.dimensions}

    def position(self, values: Mapping[str, Scalar]) -> int:
        """Give the position of a point of a finite space: the inverse of `at`."""
        index = 0
        for dimension in self.dimensions:
            assert dimension.count is not None
            index = index * dimension.count + dimension.index_of(values[dimension.name])
        return index

    def from_unit(self, units: Sequence[float]) -> Values:
        """Map a point of the unit cube to a point of the space."""
        return {d.name: d.from_unit(float(u)) for d, u in zip(self.dimensions, units, strict=True)}

    def to_unit(self, values: Mapping[str, Scalar]) -> list[float]:
        """Map a point of the space to the unit cube."""
        return [dimension.to_unit(values[dimension.name]) for dimension in self.dimensions]

    def key(self, values: Mapping[str, Scalar]) -> tuple[Scalar, ...]:
        """Give what two equal points share: their values as indices or numbers, whatever JSON made of them."""
        return tuple(float(values[d.name]) if d.count is None else d.index_of(values[d.name]) for d in self.dimensions)

    def canonical(self, values: Mapping[str, Scalar]) -> Values:
        """Give each value its declared type, in the manifest's order; raises `ValueError` for one that has none."""
        return {d.name: canonical_value(d.parameter, values[d.name]) for d in self.dimensions}

    def contains(self, values: Mapping[str, Scalar]) -> bool:
        """Say whether a point is legal: all parameters, no others, each in its bounds."""
        return set(values) == {d.name for d in self.dimensions} and all(
            contains(d.parameter, values[d.name]) for d in self.dimensions
        )
