"""Explore: the parameters of a PBT member that has just taken over a better one's weights.

Owns: how far each kind of parameter moves. It never leaves the declared range or returns an illegal point.
Source: Jaderberg et al. 2017; the additive step on linear ranges is NNI's, because a factor cannot leave 0 or
change the sign.
"""

import random
from collections.abc import Mapping

from autosearch.api.base import Scalar
from autosearch.api.parameters import Boolean, Categorical, Discrete, FloatRange, IntRange
from autosearch.api.trial import Values
from autosearch.search.space import Dimension, SearchSpace

LINEAR_SHARE = 0.2
LOG_FACTORS = {-1: 0.8, 1: 1.25}
# A move that the ends of the ranges undo is tried again; a space of which nothing can move is drawn from instead.
_TRIES = 16


def explore(space: SearchSpace, parent: Mapping[str, Scalar], probability: float, rng: random.Random) -> Values:
    """Give new parameters: with `probability` all drawn anew, else each moved a little from the parent's.

    The point differs from the parent's wherever the space has a second point. Categories and booleans do not move.
    """
    if rng.random() >= probability:
        for _ in range(_TRIES):
            moved = {d.name: move(d, parent[d.name], rng) for d in space.dimensions}
            if space.key(moved) != space.key(parent):
                return moved
    return _drawn_anew(space, parent, rng)


def _drawn_anew(space: SearchSpace, parent: Mapping[str, Scalar], rng: random.Random) -> Values:
    drawn = space.draw(rng)
    for _ in range(_TRIES):
        if space.key(drawn) != space.key(parent):
            break
        drawn = space.draw(rng)
    return drawn


def move(dimension: Dimension, value: Scalar, rng: random.Random) -> Scalar:
    """Move one value up or down.

    By a fifth of a linear range, by x0.8 or x1.25 on a logarithmic one, to a neighbour if discrete. Whole and
    stepped numbers move by at least one step; the result is clipped to the range.
    """
    domain = dimension.domain
    if isinstance(domain, Categorical | Boolean):
        return value
    sign = rng.choice((-1, 1))
    if isinstance(domain, Discrete):
        return _stepped(dimension, value, sign)
    if isinstance(domain, IntRange):
        return _scaled_int(domain, int(value), sign) if dimension.log else _shifted(dimension, domain, value, sign)
    if dimension.log:
        return _clip(float(value) * LOG_FACTORS[sign], domain)
    return _shifted(dimension, domain, value, sign)


def _shifted(dimension: Dimension, domain: FloatRange | IntRange, value: Scalar, sign: int) -> Scalar:
    distance = LINEAR_SHARE * (domain.max - domain.min)
    if dimension.count is None:
        return _clip(float(value) + sign * distance, domain)
    return _stepped(dimension, value, sign * max(1, round(distance / (domain.step or 1))))


def _stepped(dimension: Dimension, value: Scalar, steps: int) -> Scalar:
    assert dimension.count is not None
    return dimension.at(min(max(dimension.index_of(value) + steps, 0), dimension.count - 1))


def _scaled_int(domain: IntRange, value: int, sign: int) -> int:
    scaled = round(value * LOG_FACTORS[sign])
    return min(max(value + sign if scaled == value else scaled, domain.min), domain.max)


def _clip(value: float, domain: FloatRange | IntRange) -> float:
    return min(max(value, float(domain.min)), float(domain.max))
