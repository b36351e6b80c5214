"""CMA-ES as a fold: what is told, from which state a trial was drawn, and what happens to numbers that break."""

import copy
import dataclasses
import random
from statistics import mean

import numpy as np
import pytest
from tests.unit.search_samples import FLOATS, MIXED, SIX, done, search_for, trial

from autosearch.search.cma_es import CmaEs, Fold, _drawn, _taught
from autosearch.search.cma_models import model_of
from autosearch.search.conformance import check_memo
from autosearch.search.records import finished_in_order
from autosearch.search.registry import algorithm_of
from autosearch.search.simulation import Faults, bowl, simulate

LOG = [{"name": "n", "int": {"min": 1, "max": 6, "scale": "Log"}}]
WIDE = [{"name": "n", "int": {"min": 1, "max": 10**6}}]
SPACES = {
    "floats": FLOATS,
    "numbers": [*FLOATS, SIX[0]],
    "mixed": MIXED,
    "log": [*LOG, *FLOATS],
    "wide": [*WIDE, SIX[1]],
}


def run(search, *, seed=0, parallel=4, faults=None):
    return simulate(CmaEs, search, bowl(search), parallel=parallel, seed=seed, faults=faults or Faults()).trials


def best(trials):
    return min(t.value for t in trials if t.value is not None)


@pytest.mark.parametrize("name", SPACES)
def test_it_comes_closer_than_chance(name):
    """On each kind of space the median of five searches ends nearer to the best point than random search does."""

    def median(algorithm, **settings):
        results = []
        for seed in range(5):
            search = search_for(algorithm, SPACES[name], seed=seed, max_trials=120, **settings)
            results.append(
                best(simulate(lambda s=search: algorithm_of(s.algorithm), search, bowl(search), parallel=4).trials)
            )
        return sorted(results)[2]

    assert median("cmaes", population=8, rounds=15) <= median("random")


def test_rounds_and_members_count_the_population():
    """They label the numbers; nothing waits for a round to end."""
    search = search_for("cmaes", population=3, rounds=2)
    answer = CmaEs().propose(search, [], 99).trials
    assert [(p.round, p.member) for p in answer] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


@pytest.mark.parametrize("population", [1, 2, 3, 4])
def test_a_population_too_small_to_learn_from_is_told_four_at_a_time(population):
    """The vendor allows a population of one; the search still learns."""
    search = search_for("cmaes", population=population, rounds=60 // population)
    trials = run(search, parallel=1)
    assert len(trials) == 60
    assert Fold(search).population == 4
    assert best(trials[30:]) < best(trials[:8])


def test_the_first_step_is_a_sixth_of_the_range():
    """`stepSize` 1.0 draws with that standard deviation, twice as much with 2.0."""

    def spread(step):
        search = search_for("cmaes", FLOATS[:1], population=400, rounds=1, stepSize=step)
        return np.std([p.parameters["x"] for p in CmaEs().propose(search, [], 400).trials])

    assert spread(1.0) == pytest.approx(1 / 6, rel=0.1)
    assert spread(0.5) == pytest.approx(1 / 12, rel=0.1)


@pytest.mark.parametrize("name", SPACES)
def test_a_trial_is_told_as_it_was_drawn(name):
    """Whole numbers do not show what was drawn, so it is drawn again, from the state that the proposal saw."""
    search = search_for("cmaes", SPACES[name], population=6, rounds=8)
    fold, redrawn = Fold(search), []
    told = fold._solution

    def watched(lesson):
        solution = told(lesson)
        direct = fold.models[len(fold.told)].solution(lesson.trial.parameters)
        redrawn.append(not np.array_equal(raw(solution), raw(direct)))
        return solution

    fold._solution = watched
    fold.after(finished_in_order(run(search)))
    # With floats alone both are the same point but for rounding.
    assert sum(redrawn) >= len(redrawn) * (0.9 if name != "floats" else 0)
    assert len(redrawn) == 48


def raw(solution):
    return getattr(solution, "_v_raw", solution)


def test_stopped_trials_do_not_shift_the_generations():
    """A trial that counts for nothing is no part of a generation, also where a proposal counted it as finished."""
    search = search_for("cmaes", SPACES["numbers"], population=4, rounds=6)
    point = search.space.draw(random.Random(0))
    trials = [done(trial(n, point, finished_seen=n), n, 1.0, "Stopped" if n % 2 else "Succeeded") for n in range(12)]
    assert [lesson.seen for lesson in Fold(search)._lessons(trials)] == [0, 0, 0, 0, 1, 1]


def test_a_late_trial_is_told_by_its_values():
    """More than 32 generations after its proposal, its state is no longer kept."""
    search = search_for("cmaes", SPACES["numbers"], population=4, rounds=100)
    trials = list(run(search))
    late = dataclasses.replace(trials[0], completion="999999")
    fold = Fold(search)
    fold.after(finished_in_order([late, *trials[1:]]))
    assert len(fold.told) == 100
    assert len(fold.models) <= 66
    assert fold.told[-1][-1].trial.number == 0


def test_the_memo_goes_back_and_forth_over_many_generations():
    """Histories that are shorter, longer or altered give what a new instance gives, also beyond the kept states."""
    search = search_for("cmaes", SPACES["mixed"], population=4, rounds=90)
    trials = run(search, faults=Faults(fail=0.1))
    check_memo(CmaEs, dataclasses.replace(search, max_trials=400), trials, seed=1)
    used = CmaEs()
    for length in (360, 356, 340, 100, 360):
        assert used.propose(search, trials[:length], 1) == CmaEs().propose(search, trials[:length], 1)


def test_another_search_gets_another_fold():
    """One instance answers for a search with other settings as a new one would; a grown search keeps its states."""
    used, search = CmaEs(), search_for("cmaes", population=4, rounds=4)
    trials = run(search)[:8]
    used.propose(search, trials, 1)
    fold = used._fold
    used.propose(dataclasses.replace(search, max_trials=99), trials, 1)
    assert used._fold is fold
    other = search_for("cmaes", population=5, rounds=4)
    assert used.propose(other, trials, 1) == CmaEs().propose(other, trials, 1)


def test_a_space_of_one_point_has_one_trial():
    """There is nothing to learn, and no model is made."""
    search = search_for("cmaes", [{"name": "c", "categorical": {"choices": ["u"]}}], population=4, rounds=4)
    assert [p.parameters for p in CmaEs().propose(search, [], 9).trials] == [{"c": "u"}]


def test_values_of_any_size_are_ranks():
    """1e308 and -1e308 teach as much as 2 and 1."""
    search = search_for("cmaes", MIXED, population=4, rounds=4)
    trials = list(run(search))[:12]
    huge = [dataclasses.replace(t, value=(t.value - 1) * 1e308) for t in trials]
    shifted = [dataclasses.replace(t, value=t.value - 1) for t in trials]
    assert CmaEs().propose(search, huge, 1) == CmaEs().propose(search, shifted, 1)


class Broken:
    """A model whose numbers break when it is told."""

    def __init__(self, error):
        self.error, self.sound = error, True

    def ask(self, seed):
        return ({}, None) if self.sound else None

    def tell(self, ranked):
        self.sound = False
        if self.error:
            raise self.error


@pytest.mark.parametrize("error", [None, AssertionError(), np.linalg.LinAlgError()])
def test_a_generation_that_breaks_the_arithmetic_is_left_out(error):
    """The model before it goes on."""
    model = Broken(error)
    assert _taught(model, []) is model


@pytest.mark.parametrize("name", SPACES)
def test_a_degenerated_model_gives_no_point(name):
    """Where the numbers are no numbers any more, nothing is asked, and the search goes on from the prior."""
    search = search_for("cmaes", SPACES[name], population=4, rounds=4)
    model = model_of(search.space, 4, 0.2)
    optimizer = copy.deepcopy(model)._optimizer
    broken = getattr(optimizer, "_cma", optimizer)
    broken._mean = np.full_like(broken._mean, np.nan)
    model._optimizer = optimizer
    assert _drawn(model, 1) is None
    used = CmaEs()
    used.propose(search, [], 1)
    used._fold.models[0] = model
    point = used.propose(search, [], 1).trials[0].parameters
    assert search.space.contains(point)
    assert point != CmaEs().propose(search, [], 1).trials[0].parameters


def test_categories_alone_are_searched():
    """A space without any number has no normal distribution at all."""
    parameters = [{"name": f"c{i}", "categorical": {"choices": list("abcdef")}} for i in range(3)]
    search = search_for("cmaes", parameters, population=6, rounds=20)
    trials = run(search)
    # No point comes twice, so it is the mean that shows what was learnt.
    assert mean(t.value for t in trials[30:90]) < mean(t.value for t in trials[:30])
    assert len({search.space.key(t.parameters) for t in trials}) == 120
