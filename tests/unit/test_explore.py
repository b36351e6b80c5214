"""How far each kind of parameter moves when a PBT member takes over another's weights."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autosearch.api.parameters import Parameter
from autosearch.search.explore import explore, move
from autosearch.search.space import Dimension, SearchSpace


def dimension(**domain):
    """One parameter's dimension."""
    return Dimension(Parameter.from_dict({"name": "p", **domain}))


def moves(dim, value):
    """All values that one move can lead to."""
    return {move(dim, value, random.Random(seed)) for seed in range(40)}


@pytest.mark.parametrize(
    ("domain", "value", "expected"),
    [
        ({"float": {"min": 0.0, "max": 1.0}}, 0.5, {0.3, 0.7}),
        ({"float": {"min": 0.0, "max": 1.0}}, 0.0, {0.0, 0.2}),
        ({"float": {"min": -1.0, "max": 1.0}}, 0.9, {0.5, 1.0}),
        ({"float": {"min": 0.1, "max": 10.0, "scale": "Log"}}, 1.0, {0.8, 1.25}),
        ({"float": {"min": 0.1, "max": 10.0, "scale": "Log"}}, 0.1, {0.1, 0.125}),
        ({"float": {"min": 0.0, "max": 1.0, "step": 0.1}}, 0.5, {0.3, 0.7}),
        ({"float": {"min": 0.0, "max": 1.0, "step": 0.5}}, 0.5, {0.0, 1.0}),
        ({"int": {"min": 1, "max": 8}}, 4, {3, 5}),
        ({"int": {"min": 0, "max": 100}}, 50, {30, 70}),
        ({"int": {"min": 1, "max": 3}}, 3, {2, 3}),
        ({"int": {"min": 0, "max": 90, "step": 30}}, 30, {0, 60}),
        ({"int": {"min": 1, "max": 1000, "scale": "Log"}}, 100, {80, 125}),
        ({"int": {"min": 1, "max": 1000, "scale": "Log"}}, 2, {1, 3}),
        ({"int": {"min": 1, "max": 1000, "scale": "Log"}}, 1, {1, 2}),
        ({"int": {"min": 1, "max": 1000, "scale": "Log"}}, 1000, {800, 1000}),
        ({"discrete": {"values": [32, 64, 128]}}, 64, {32, 128}),
        ({"discrete": {"values": [32, 64, 128]}}, 128, {64, 128}),
        ({"categorical": {"choices": ["a", "b"]}}, "a", {"a"}),
        ({"boolean": {}}, True, {True}),
    ],
)
def test_one_move(domain, value, expected):
    """Each kind moves as the design says, clipped to its range, on its step and in its own type."""
    found = moves(dimension(**domain), value)
    assert sorted(found) == pytest.approx(sorted(expected)) if not isinstance(value, str) else found == expected
    assert {type(v) for v in found} == {type(value)}


@st.composite
def spaces(draw):
    """A space of one to four parameters of any kind."""
    kinds = [
        {"float": {"min": -1.0, "max": 2.0}},
        {"float": {"min": 1e-5, "max": 1.0, "scale": "Log"}},
        {"float": {"min": 0.0, "max": 1.0, "step": 0.3}},
        {"int": {"min": -3, "max": 3}},
        {"int": {"min": 5, "max": 100, "step": 7}},
        {"int": {"min": 1, "max": 4, "scale": "Log"}},
        {"discrete": {"values": [0.5, 1, 2]}},
        {"categorical": {"choices": ["a", "b", "c"]}},
        {"boolean": {}},
    ]
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=4))
    return SearchSpace.of([Parameter.from_dict({"name": f"p{i}", **kind}) for i, kind in enumerate(chosen)])


@settings(max_examples=200, deadline=None)
@given(space=spaces(), probability=st.sampled_from([0.0, 0.25, 1.0]), seed=st.integers(0, 10**6))
def test_any_space(space, probability, seed):
    """The new point is legal, differs from the parent's, and is the same for the same seed."""
    parent = space.draw(random.Random(seed + 1))
    found = explore(space, parent, probability, random.Random(seed))
    assert space.contains(found)
    assert space.key(found) != space.key(parent)
    assert found == explore(space, parent, probability, random.Random(seed))


def test_categories_alone_are_drawn_anew():
    """A space in which nothing can move is drawn from, even with exploreProbability 0."""
    space = SearchSpace.of([Parameter.from_dict({"name": "k", "categorical": {"choices": ["a", "b"]}})])
    assert {explore(space, {"k": "a"}, 0.0, random.Random(seed))["k"] for seed in range(20)} == {"b"}


def test_a_space_of_one_point():
    """Where there is no second point, the parent's is given back."""
    space = SearchSpace.of([Parameter.from_dict({"name": "k", "discrete": {"values": [3]}})])
    assert explore(space, {"k": 3}, 0.5, random.Random(0)) == {"k": 3}


def test_share_drawn_anew():
    """`exploreProbability` is the share of new points that are drawn from the prior."""
    space = SearchSpace.of([Parameter.from_dict({"name": "x", "float": {"min": 0.0, "max": 1.0}})])
    near = (pytest.approx(0.3), pytest.approx(0.7))
    found = [explore(space, {"x": 0.5}, 0.25, random.Random(seed))["x"] for seed in range(1000)]
    assert 200 <= sum(x not in near for x in found) <= 300
