"""The conformance suite notices each broken promise, and the simulator keeps to its slots."""

import dataclasses
import random

import pytest
from tests.unit.search_samples import FLOATS, SIX, done, search_for, trial

from autosearch.search import conformance as suite
from autosearch.search.random_search import RandomSearch
from autosearch.search.records import Proposals
from autosearch.search.simulation import BAD_DAYS, Faults, bowl, log_normal, simulate


class Changed(RandomSearch):
    """Random search with one thing wrong: `change` alters each proposal."""

    def __init__(self, change):
        self.change = change

    def propose(self, search, trials, slots):
        answer = super().propose(search, trials, slots)
        changed = tuple(self.change(p, trials) for p in answer.trials)
        return Proposals(changed, answer.exhausted)


def altered(parameters):
    return lambda proposal, _: dataclasses.replace(proposal, parameters=parameters)


def ordered(proposal, trials):
    """Depends on the order of the list."""
    return dataclasses.replace(proposal, parameters=trials[-1].parameters) if trials else proposal


class Counting(RandomSearch):
    """A generator that lives on."""

    def __init__(self):
        self.rng = random.Random(1)

    def propose(self, search, trials, slots):
        answer = super().propose(search, trials, slots)
        drawn = (dataclasses.replace(p, parameters=search.space.draw(self.rng)) for p in answer.trials)
        return Proposals(tuple(drawn), answer.exhausted)


class Greedy(RandomSearch):
    """Says that it is exhausted together with its last trials."""

    def propose(self, search, trials, slots):
        return dataclasses.replace(super().propose(search, trials, slots), exhausted=True)


class Endless(RandomSearch):
    """Gives up early without a word."""

    def propose(self, search, trials, slots):
        return Proposals() if len(trials) > 5 else super().propose(search, trials, slots)


@pytest.mark.parametrize(
    ("make", "parameters"),
    [
        (lambda: Changed(altered({"x": 2.0, "y": 0.0})), FLOATS),
        (lambda: Changed(altered({"x": 1, "y": 0.0})), FLOATS),
        (lambda: Changed(altered({"a": 1, "b": True})), SIX),
        (lambda: Changed(ordered), FLOATS),
        (Counting, FLOATS),
        (Greedy, FLOATS),
        (Endless, FLOATS),
    ],
)
def test_a_broken_promise_is_noticed(make, parameters):
    """Illegal values, wrong types, doubled points, an order that matters, hidden state, a wrong end."""
    with pytest.raises(AssertionError):
        suite.check_all(make, search_for("random", parameters, max_trials=12), parallel=2)


def test_a_sound_algorithm_passes():
    """The suite asks for nothing that random search does not give."""
    assert len(suite.check_all(RandomSearch, search_for("random", FLOATS, max_trials=12)).trials) == 12


def test_a_changed_history_is_noticed_by_the_replay():
    """A trial with other parameters than its proposal had, or one that nobody proposes, does not pass."""
    search = search_for("random", FLOATS, max_trials=6)
    trials = list(simulate(RandomSearch, search, bowl(search)).trials)
    assert suite.check_replay(RandomSearch, search, trials) == 6
    trials[3] = dataclasses.replace(trials[3], parameters={"x": 0.5, "y": 0.5})
    with pytest.raises(AssertionError, match="trial 3"):
        suite.check_replay(RandomSearch, search, trials)
    with pytest.raises(AssertionError, match="not proposed again"):
        suite.check_replay(RandomSearch, search, [trial(99, {"x": 0.5, "y": 0.5})])


def test_the_simulator_keeps_to_its_slots_and_its_clock():
    """Equal run times in four slots take a quarter of the time; the same seed gives the same search."""
    search = search_for("random", FLOATS, max_trials=20)
    one = simulate(RandomSearch, search, bowl(search), duration=lambda *_: 2.0)
    four = simulate(RandomSearch, search, bowl(search), parallel=4, duration=lambda *_: 2.0)
    assert (one.makespan, one.busy, four.makespan, four.busy) == (40.0, 1.0, 10.0, 1.0)
    again = [simulate(RandomSearch, search, bowl(search), parallel=3, faults=BAD_DAYS, seed=4) for _ in range(2)]
    assert again[0] == again[1]


def test_the_simulator_can_stop_early_and_fail():
    """Failed trials have no value, stopped ones at most a curve, succeeded ones a checkpoint."""
    search = search_for("tpe", FLOATS, max_trials=60)
    simulation = simulate(RandomSearch, search, bowl(search), faults=Faults(fail=0.3, stop=0.3), seed=1)
    states = {
        state: [t for t in simulation.trials if t.state == state] for state in ("Succeeded", "Failed", "EarlyStopped")
    }
    assert sum(map(len, states.values())) == 60
    assert all(len(trials) > 5 for trials in states.values())
    assert all(t.value is None for t in states["Failed"] + states["EarlyStopped"])
    assert any(t.observations for t in states["EarlyStopped"])
    assert all(t.checkpoint for t in states["Succeeded"])


def test_a_simulation_can_be_cut():
    """A search without an end is left after `most` trials."""
    search = search_for("random", FLOATS, max_trials=None)
    simulation = simulate(RandomSearch, search, bowl(search), most=7)
    assert (len(simulation.trials), simulation.exhausted) == (7, False)


def test_run_times_are_log_normal():
    """With median 1."""
    rng = random.Random(1)
    times = sorted(log_normal(0.5)(None, rng) for _ in range(999))
    assert 0.9 < times[499] < 1.1


def test_what_was_known_then():
    """Trials below, the first `finished_seen` of them finished, whatever happened since."""
    search = search_for("random", FLOATS)
    trials = [done(trial(n, {"x": n / 9, "y": 0.0}), 9 - n, 1.0) for n in range(4)]
    known = suite.known_then(search, trials, dataclasses.replace(trials[3], finished_seen=1))
    assert [(t.number, t.finished) for t in known] == [(0, False), (1, False), (2, True)]
