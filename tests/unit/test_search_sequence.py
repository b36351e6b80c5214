"""Which number comes next, what is known at its draw, and which points are used."""

import random

import pytest
from tests.unit.search_samples import FLOATS, SIX, done, search_for, trial

from autosearch.api.algorithms import Algorithm
from autosearch.search.auto import resolve
from autosearch.search.errors import UnknownAlgorithmError, UnsuitableSpaceError
from autosearch.search.history import by_number, failed, lessons, own_value, worst_value
from autosearch.search.initial import distinct
from autosearch.search.points import UsedPoints
from autosearch.search.registry import NAMES, algorithm_of
from autosearch.search.sequence import propose_in_sequence


def points(proposals):
    return [tuple(p.parameters.values()) for p in proposals.trials]


@pytest.mark.parametrize("name", ["random", "grid", "sobol", "tpe"])
def test_a_trial_deleted_by_hand_is_proposed_anew(name):
    """The lowest missing number comes first; as nothing has changed, it gets the point it had."""
    search = search_for(name, SIX)
    answer = algorithm_of(name).propose(search, [], 4).trials
    trials = [trial(p.number, p.parameters) for p in answer if p.number != 1]
    again = algorithm_of(name).propose(search, trials, 1).trials
    assert [(p.number, p.parameters) for p in again] == [(1, answer[1].parameters)]


def test_a_draw_knows_only_the_trials_below_its_number():
    """Later trials do not teach a number that comes before them, so it can be replayed; they do keep their points."""
    search = search_for("random", FLOATS)
    seen = []

    def draw(search, ask):
        seen.append((ask.number, [t.number for t in ask.known]))
        return search.space.draw(random.Random(ask.seed))

    existing = [done(trial(n, {"x": 0.1, "y": 0.0}), n, 1.0) for n in (5, 0, 3)]
    proposals = propose_in_sequence(search, existing, 3, draw).trials
    assert seen == [(1, [0]), (2, [0, 1]), (4, [0, 1, 2, 3])]
    assert [p.finished_seen for p in proposals] == [1, 1, 2]


def test_exhausted_comes_with_an_empty_answer():
    """It is said when nothing is left, not together with the last trials, and not for want of slots."""
    search = search_for("random", FLOATS, max_trials=2)
    first = algorithm_of("random").propose(search, [], 5)
    assert (len(first.trials), first.exhausted) == (2, False)
    existing = [trial(p.number, p.parameters) for p in first.trials]
    assert algorithm_of("random").propose(search, existing, 5).exhausted
    assert algorithm_of("random").propose(search, existing, 0).exhausted
    assert not algorithm_of("random").propose(search, existing[:1], 0).exhausted
    assert not algorithm_of("random").propose(search, existing, -1).trials


def test_a_grid_without_a_limit_has_all_points():
    """The last parameter moves fastest, and the search ends by itself."""
    search = search_for("grid", SIX, max_trials=None)
    answer = algorithm_of("grid").propose(search, [], 99)
    assert points(answer) == [(a, b) for a in (1, 2, 3) for b in (False, True)]
    existing = [trial(p.number, p.parameters) for p in answer.trials]
    assert algorithm_of("grid").propose(search, existing, 1).exhausted


def test_initial_trials_come_first_and_are_left_out_of_the_grid():
    """The user's points take the first numbers, each point of the grid is still tried once."""
    given = [{"a": 2, "b": True}, {"a": 1, "b": False}]
    answer = algorithm_of("grid").propose(search_for("grid", SIX, initial=given), [], 99).trials
    assert [p.sampler for p in answer] == ["initial", "initial", "grid", "grid", "grid", "grid"]
    assert [p.parameters for p in answer][:3] == [*given, {"a": 1, "b": True}]
    assert len({tuple(p.parameters.values()) for p in answer}) == 6


def test_a_grid_of_an_endless_space_is_refused():
    """The message names the parameters that need a step."""
    with pytest.raises(UnsuitableSpaceError, match=r"step.*x, y"):
        algorithm_of("grid").propose(search_for("grid", FLOATS), [], 1)


def test_sobol_points_are_one_scrambled_sequence():
    """Sixteen points of a power of two fall into each of sixteen columns once, however they are asked for."""
    search = search_for("sobol", FLOATS)
    together = algorithm_of("sobol").propose(search, [], 16).trials
    assert sorted(int(p.parameters["x"] * 16) for p in together) == list(range(16))
    one = algorithm_of("sobol").propose(search, [trial(n, together[n].parameters) for n in range(9)], 1).trials[0]
    assert one == together[9]


def test_the_next_unused_point_is_found_in_a_huge_space():
    """Enumeration takes as many steps as there are taken points, not as there are points."""
    huge = search_for("random", [{"name": f"n{i}", "int": {"min": 0, "max": 10**9}} for i in range(3)])
    taken = [trial(n, {"n0": 0, "n1": 0, "n2": n}) for n in range(500)]
    used = UsedPoints(huge.space, taken)
    assert used.unused(lambda attempt: taken[attempt].parameters, 3) == {"n0": 0, "n1": 0, "n2": 500}
    assert not used.full


def test_a_full_space_gives_the_draw_itself():
    """A caller that asks although the space is full gets what was drawn."""
    space = search_for("random", SIX).space
    used = UsedPoints(space, [trial(n, space.at(n)) for n in range(6)])
    assert used.full
    assert used.unused(lambda _: space.at(2), 5) == space.at(2)


def test_a_parameter_set_given_twice_is_tried_once():
    """Initial trials are told apart by their values, whatever JSON made of them."""
    space = search_for("random", SIX).space
    assert distinct(space, [{"b": True, "a": 1.0}, {"a": 1, "b": True}, {"a": 2, "b": True}]) == (
        {"a": 1, "b": True},
        {"a": 2, "b": True},
    )
    with pytest.raises(ValueError, match="whole number"):
        distinct(space, [{"a": 1.5, "b": True}])


def test_auto_takes_the_grid_where_it_fits():
    """A finite space with no more points than trials is a grid, every other one is `tpe`; others are not touched."""
    auto, small, endless = Algorithm.from_dict({"auto": {}}), search_for("grid", SIX).space, search_for("tpe").space
    assert [resolve(auto, small, n).name for n in (None, 6, 7, 5)] == ["grid", "grid", "grid", "tpe"]
    assert resolve(auto, endless, 10**6).name == "tpe"
    pso = Algorithm.from_dict({"pso": {}})
    assert resolve(pso, small, None) is pso


def test_every_name_has_an_algorithm():
    """Each one can be made; an unknown name and `gp` are answered with what to write."""
    for name in NAMES:
        assert callable(algorithm_of(name).propose)
    with pytest.raises(UnknownAlgorithmError, match=r"not built yet.*tpe"):
        algorithm_of("gp")
    with pytest.raises(UnknownAlgorithmError, match="random, grid"):
        algorithm_of("magic")


def test_what_a_trial_counts_with():
    """Its result, its last observation if stopped early, the worst so far if it failed; else nothing."""
    search = search_for("tpe", maximize=True)
    point = {"x": 0.5, "y": 0.5}
    stopped = trial(3, point, observations=((1, 0.1), (2, 0.4)))
    ended = [
        done(trial(0, point), 0, state="Failed"),
        done(trial(1, point), 1, 0.9),
        done(trial(2, point), 2, float("inf")),
        done(stopped, 3, state="EarlyStopped"),
        done(trial(4, point), 4, state="Failed"),
        done(trial(5, point), 5, state="Stopped"),
        done(trial(6, point), 6, state="EarlyStopped"),
    ]
    assert [own_value(t) for t in ended] == [None, 0.9, None, 0.4, None, None, None]
    assert [failed(t) for t in ended] == [True, False, True, False, True, False, False]
    assert [(t.number, value) for t, value in lessons(search, ended)] == [(1, 0.9), (2, 0.9), (3, 0.4), (4, 0.4)]
    assert worst_value(search, ended) == 0.4
    assert worst_value(search, ended[:1]) is None
    assert own_value(trial(7, point, value=1.0)) is None


def test_of_two_versions_of_a_trial_the_finished_one_counts():
    """In whatever order they are listed."""
    old = trial(0, {"x": 0.5, "y": 0.5})
    new = done(old, 1, 1.0)
    assert by_number([new, old]) == by_number([old, new]) == {0: new}
