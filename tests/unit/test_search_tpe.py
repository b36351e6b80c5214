"""`tpe` is Optuna's sampler, told the search as Optuna itself would have been."""

import dataclasses
import random
import warnings

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from autosearch.api.algorithms import Tpe as Settings
from autosearch.api.parameters import Parameter
from autosearch.search.records import Search, TrialRecord
from autosearch.search.seeding import trial_seed
from autosearch.search.space import SearchSpace
from autosearch.search.tpe import Form, Tpe

PARAMETERS = [
    {"name": "lr", "float": {"min": 1e-5, "max": 1e-1, "scale": "Log"}},
    {"name": "momentum", "float": {"min": 0.0, "max": 1.0}},
    {"name": "dropout", "float": {"min": 0.0, "max": 0.9, "step": 0.25}},
    {"name": "layers", "int": {"min": 1, "max": 12, "step": 3}},
    {"name": "units", "int": {"min": 16, "max": 4096, "scale": "Log"}},
    {"name": "batch", "discrete": {"values": [16, 32, 64, 100.5]}},
    {"name": "kernel", "categorical": {"choices": ["linear", "rbf", "poly"]}},
    {"name": "only", "categorical": {"choices": ["one"]}},
    {"name": "norm", "boolean": {}},
]
# Written by hand, as someone would who uses Optuna without us.
PLAIN = {
    "lr": FloatDistribution(1e-5, 1e-1, log=True),
    "momentum": FloatDistribution(0.0, 1.0),
    "dropout": FloatDistribution(0.0, 0.75, step=0.25),
    "layers": IntDistribution(1, 10, step=3),
    "units": IntDistribution(16, 4096, log=True),
    "batch": IntDistribution(0, 3),
    "kernel": CategoricalDistribution(["linear", "rbf", "poly"]),
    "only": CategoricalDistribution(["one"]),
    "norm": CategoricalDistribution([False, True]),
}
BATCHES = [16, 32, 64, 100.5]


def a_search(parameters=PARAMETERS, *, maximize=False, startup=10, seed=7, max_trials=200):
    space = SearchSpace.of([Parameter.from_dict(p) for p in parameters])
    settings = Settings(startup_trials=startup)
    return Search("job", space, "tpe", settings, maximize=maximize, seed=seed, max_trials=max_trials, metric="m")


def plain_params(values):
    return {**values, "batch": BATCHES.index(values["batch"])}


def plain_values(params):
    return {**params, "batch": BATCHES[params["batch"]]}


def plain_answer(search, trials, number):
    """What Optuna says, given the same history and a new sampler with the trial's seed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            seed=trial_seed(search.seed, number), n_startup_trials=search.settings.startup_trials
        )
    study = optuna.create_study(sampler=sampler, direction="maximize" if search.maximize else "minimize")
    for trial in sorted(trials, key=lambda t: t.number):
        told = {"params": plain_params(trial.parameters), "distributions": PLAIN}
        if not trial.finished:
            study.add_trial(create_trial(state=TrialState.RUNNING, **told))
        elif trial.state == "EarlyStopped":
            curve = dict(trial.observations)
            study.add_trial(create_trial(state=TrialState.PRUNED, intermediate_values=curve, **told))
        else:
            study.add_trial(create_trial(value=trial.value, **told))
    return plain_values(study.ask(fixed_distributions=PLAIN).params)


def loss(values):
    return (values["momentum"] - 0.3) ** 2 + abs(values["units"] - 300) / 4096 + (values["kernel"] != "rbf") * 0.3


def ended(trial, state, order, value=None, observations=()):
    return dataclasses.replace(
        trial, state=state, value=value, completion=f"{order:06d}", observations=tuple(observations)
    )


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("stopped", [0.0, 0.3])
@pytest.mark.parametrize("startup", [0, 10])
def test_the_points_are_those_of_plain_optuna(maximize, stopped, startup):
    """Given the same history and the same seeds, each point is the one that Optuna alone would have asked for."""
    search, tpe, rng = a_search(maximize=maximize, startup=startup), Tpe(), random.Random(3)
    trials: list[TrialRecord] = []
    for order in range(36):
        slots = 4 - sum(not t.finished for t in trials)
        for proposal in tpe.propose(search, trials, slots).trials:
            assert proposal.parameters == plain_answer(search, trials, proposal.number)
            trials.append(TrialRecord("t", proposal.number, "Running", proposal.parameters))
        index = rng.choice([i for i, t in enumerate(trials) if not t.finished])
        value = loss(trials[index].parameters)
        if rng.random() < stopped:
            trials[index] = ended(trials[index], "EarlyStopped", order, None, [(1, value + 1), (3, value)])
        else:
            trials[index] = ended(trials[index], "Succeeded", order, value)


def a_history(search, states):
    """Thirty succeeded trials, then one of each given state at a point of its own."""
    rng = random.Random(1)
    trials = []
    for number in range(30 + len(states)):
        trial = TrialRecord("t", number, "Running", search.space.draw(rng))
        trials.append(ended(trial, "Succeeded", number, loss(trial.parameters)) if number < 30 else trial)
    return [*trials[:30], *(change(t) for change, t in zip(states, trials[30:], strict=True))]


def next_point(search, trials, number):
    return Tpe().propose(dataclasses.replace(search, max_trials=number + 1), trials, 1).trials[0].parameters


@pytest.mark.parametrize("maximize", [False, True])
def test_a_failed_trial_counts_with_the_worst_value_so_far(maximize):
    """A trial that failed by its own fault, or reported no finite number, is told as the worst of all."""
    search = a_search(maximize=maximize)
    values = [t.value for t in a_history(search, [])]
    worst = min(values) if maximize else max(values)
    expected = next_point(search, a_history(search, [lambda t: ended(t, "Succeeded", 99, worst)]), 31)
    assert next_point(search, a_history(search, [lambda t: ended(t, "Failed", 99)]), 31) == expected
    assert next_point(search, a_history(search, [lambda t: ended(t, "Succeeded", 99, float("nan"))]), 31) == expected


def test_a_stopped_trial_is_not_told():
    """What was stopped from outside, or early before any report, changes nothing; its number stays taken."""
    search = a_search()
    without = a_history(search, [])
    for state in ("Stopped", "EarlyStopped"):
        trials = a_history(search, [lambda t, state=state: ended(t, state, 99)])
        assert next_point(search, trials, 31) == plain_answer(search, without, 31)


def test_failed_trials_alone_teach_nothing():
    """Before any trial has a value, there is no worst one, and the search goes on at random."""
    search = a_search(startup=0)
    point = search.space.draw(random.Random(0))
    failed = [ended(TrialRecord("t", n, "Running", point), "Failed", n) for n in range(3)]
    assert next_point(search, failed, 3) == plain_answer(search, [], 3)


def test_a_space_of_one_point_has_one_trial():
    """Parameters with a single value take part in nothing."""
    search = a_search([{"name": "only", "categorical": {"choices": ["one"]}}])
    proposals = Tpe().propose(search, [], 3)
    assert [p.parameters for p in proposals.trials] == [{"only": "one"}]
    assert Form(search.space).searched == {}


def test_the_memo_is_dropped_when_the_space_is_another():
    """One instance that is asked about another search answers as a new one would."""
    tpe, wide = Tpe(), a_search()
    narrow = a_search([{"name": "x", "float": {"min": 0, "max": 1}}])
    tpe.propose(wide, a_history(wide, []), 1)
    assert tpe.propose(narrow, [], 2) == Tpe().propose(narrow, [], 2)


def test_a_new_worst_value_moves_the_failed_ones_along():
    """The memo follows when a later trial is worse than what a failed one was told as."""
    search, tpe = a_search(), Tpe()
    trials = a_history(search, [lambda t: ended(t, "Failed", 99), lambda t: t])
    tpe.propose(search, trials, 1)
    trials[31] = ended(trials[31], "Succeeded", 100, 50.0)
    assert tpe.propose(search, trials, 1) == Tpe().propose(search, trials, 1)
    assert tpe.propose(search, trials[::-1], 1) == Tpe().propose(search, trials, 1)
