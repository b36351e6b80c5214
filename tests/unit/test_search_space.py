"""The geometry of parameters: what leaves a space is legal, and what goes in comes back."""

import random

import pytest

from autosearch.api.parameters import Parameter
from autosearch.search.space import SearchSpace

DOMAINS = [
    ({"float": {"min": -1.0, "max": 1.0}}, None),
    ({"float": {"min": 0.001, "max": 1000.0, "scale": "Log"}}, None),
    ({"float": {"min": 0.0, "max": 1.0, "step": 0.3}}, [0.0, 0.3, 0.6, 0.9]),
    ({"int": {"min": -2, "max": 2}}, [-2, -1, 0, 1, 2]),
    ({"int": {"min": 1, "max": 8, "step": 3}}, [1, 4, 7]),
    ({"int": {"min": 1, "max": 5, "scale": "Log"}}, [1, 2, 3, 4, 5]),
    ({"discrete": {"values": [0.5, 1, 4.0]}}, [0.5, 1, 4]),
    ({"categorical": {"choices": ["b", "a"]}}, ["b", "a"]),
    ({"boolean": {}}, [False, True]),
]


def space_of(*domains):
    return SearchSpace.of([Parameter.from_dict({"name": f"p{i}", **domain}) for i, domain in enumerate(domains)])


@pytest.mark.parametrize(("domain", "values"), DOMAINS)
def test_counted_values_are_addressed_by_index(domain, values):
    """`at`, `index_of`, `to_unit` and `from_unit` agree on every value and its type."""
    (dimension,) = space_of(domain).dimensions
    assert dimension.count == (None if values is None else len(values))
    for index, value in enumerate(values or []):
        assert repr(dimension.at(index)) == repr(value)
        assert dimension.index_of(value) == index
        assert dimension.from_unit(dimension.to_unit(value)) == value


@pytest.mark.parametrize(("domain", "values"), DOMAINS)
def test_every_unit_gives_a_legal_value(domain, values):
    """The whole unit interval, its ends and what lies beyond them map into the space; all values are reached."""
    space = space_of(domain)
    units = [-1.0, 0.0, 1.0, 2.0, *(i / 500 for i in range(500))]
    points = [space.from_unit([unit]) for unit in units]
    assert all(space.contains(point) for point in points)
    assert values is None or {repr(p["p0"]) for p in points} == {repr(v) for v in values}


def test_a_number_in_between_has_the_nearest_index():
    """Of two values that are equally near, the lower one counts."""
    (dimension,) = space_of({"discrete": {"values": [1, 2, 4]}}).dimensions
    assert [dimension.index_of(x) for x in (-5, 1.4, 1.5, 3, 3.1, 99)] == [0, 0, 0, 1, 2, 2]


def test_positions_count_all_points_once():
    """`position` is the inverse of `at`; the last parameter moves fastest."""
    space = space_of(*(domain for domain, values in DOMAINS if values))
    assert [space.position(space.at(i)) for i in range(0, space.size, 7)] == list(range(0, space.size, 7))
    assert space.at(1) == space.at(0) | {"p6": True}
    assert space_of(DOMAINS[0][0]).size is None


def test_what_json_made_of_a_value_is_the_same_point():
    """1.0 and 1 are one point; `canonical` gives each value its declared type."""
    space = space_of(
        {"int": {"min": 1, "max": 9}}, {"float": {"min": 0.0, "max": 9.0}}, {"discrete": {"values": [1, 2.5]}}
    )
    stored, meant = {"p0": 1.0, "p1": 1, "p2": 1.0}, {"p0": 1, "p1": 1.0, "p2": 1}
    assert space.key(stored) == space.key(meant)
    assert repr(space.canonical(stored)) == repr(meant)
    assert not space.contains({"p0": 1})


def test_a_draw_on_a_log_scale_is_uniform_in_the_exponent():
    """A third of the draws falls into each of three decades."""
    space = space_of({"float": {"min": 0.001, "max": 1.0, "scale": "Log"}})
    drawn = [space.draw(random.Random(seed))["p0"] for seed in range(600)]
    assert all(150 < sum(low <= x < 10 * low for x in drawn) < 250 for low in (0.001, 0.01, 0.1))
