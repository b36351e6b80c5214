"""Stopping decisions are found again from stored observations, and are Optuna's where the same is meant."""

import random
import warnings

import optuna
import pytest
from tests.property.stopping_world import World, rebuilt
from tests.unit.stopping_samples import curve, make_search

from autosearch.api import algorithms as api
from autosearch.api.trial import TrialStatus
from autosearch.engine.observations import with_observation
from autosearch.search.stopping import StoppingView, should_stop

RULES = {
    "median": api.Median(startup_trials=5, warmup_steps=3),
    "asha": api.Asha(),
    "hyperband": api.Hyperband(max_resource=27),
    "threshold": api.Threshold(lower=-0.7, upper=0.7),
    "patience": api.Patience(steps=4),
}


@pytest.mark.parametrize("maximize", [True, False])
@pytest.mark.parametrize("name", RULES)
def test_replay(name, maximize):
    """None of 1,000 decisions differs when trials are rebuilt from doubled, reordered events or listed twice."""
    search, rng = make_search(maximize), random.Random(5)
    decisions = stops = seed = 0
    while decisions < 1000 or stops < 20:
        world = World(search, RULES[name], random.Random(seed)).run()
        for decision in world.decisions:
            trials = rebuilt(world.events[: decision.events], rng)
            again = should_stop(search, RULES[name], trials[decision.number], list(trials.values()))
            assert again == decision.stop
            stale = [
                curve(t.number, *(v for _, v in t.observations[:1]), steps=[s for s, _ in t.observations[:1]])
                for t in rng.sample(list(trials.values()), min(3, len(trials)))
            ]
            listed = [*trials.values(), *stale]
            rng.shuffle(listed)
            assert should_stop(search, RULES[name], trials[decision.number], listed) == decision.stop
        decisions += len(world.decisions)
        stops += sum(d.stop is not None for d in world.decisions)
        seed += 1


def pruner_of(name):
    """Optuna's pruner that means the same as our rule."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return {
            "median": lambda: optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=3),
            "asha": lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
            "hyperband": lambda: optuna.pruners.HyperbandPruner(1, 27, 3),
            "threshold": lambda: optuna.pruners.ThresholdPruner(lower=-0.7, upper=0.7),
            "patience": lambda: optuna.pruners.PatientPruner(None, patience=3),
        }[name]()


class Optuna:
    """A living study that is told of the same reports, so that it keeps the attributes which a rebuilt one lacks."""

    def __init__(self, name, maximize):
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.study = optuna.create_study(
            study_name="job",
            direction="maximize" if maximize else "minimize",
            pruner=pruner_of(name),
            sampler=optuna.samplers.RandomSampler(seed=0),
        )
        self.trials = {}

    def decisions(self, world):
        """Give for each report whether Optuna prunes; trials end as in the world."""
        for event in world.events:
            kind, number, *rest = event
            if kind == "start":
                self.trials[number] = self.study.ask()
            elif kind == "report":
                self.trials[number].report(rest[1], rest[0])
                yield self.trials[number].should_prune()
            else:
                state = optuna.trial.TrialState
                pruned = rest[0] == "EarlyStopped"
                value = None if pruned else 0.0
                self.study.tell(self.trials[number], value, state=state.PRUNED if pruned else state.COMPLETE)


@pytest.mark.parametrize("maximize", [True, False])
@pytest.mark.parametrize("name", RULES)
def test_optuna_decides_alike(name, maximize):
    """None of 1,000 decisions differs from that of Optuna's pruner in a living study."""
    # Our hyperband has no rung at maxResource, so its trials end before; the other rules go past.
    steps = 26 if name == "hyperband" else 30
    decisions = stops = seed = 0
    while decisions < 1000 or stops < 20:
        world = World(make_search(maximize), RULES[name], random.Random(seed), steps=steps).run()
        theirs = list(Optuna(name, maximize).decisions(world))
        assert [d.stop is not None for d in world.decisions] == theirs
        decisions += len(theirs)
        stops += sum(theirs)
        seed += 1


@pytest.mark.parametrize("name", ["asha", "hyperband", "threshold", "patience"])
def test_thinning_changes_no_decision(name):
    """With the observations that the rule names kept, thinning to a hundred changes none of the decisions."""
    rule = api.Hyperband(max_resource=500) if name == "hyperband" else RULES[name]
    search = make_search()
    full = World(search, rule, random.Random(2), count=12, steps=400)
    full.run()
    statuses: dict[int, TrialStatus] = {}
    records, found = {}, []
    for kind, number, *rest in full.events:
        if kind == "start":
            statuses[number], records[number] = TrialStatus(), curve(number)
        elif kind == "report":
            keep = StoppingView(search, rule, []).steps_to_keep(records[number])
            statuses[number] = with_observation(statuses[number], rest[0], {"m": rest[1]}, "", keep)
            stored = statuses[number].observations
            records[number] = curve(number, *(o.metrics["m"] for o in stored), steps=[o.step for o in stored])
            found.append(should_stop(search, rule, records[number], list(records.values())))
    assert max(len(t.observations) for t in full.trials.values()) > 200 or name in ("patience", "threshold")
    assert found == [d.stop for d in full.decisions]


@pytest.mark.parametrize(("first_step", "stride"), [(0, 1), (0, 5), (3, 7)])
def test_any_steps(first_step, stride):
    """Scripts may count from 0 or 1 and report every few steps: ASHA judges the first report past each rung."""
    search = make_search()
    world = World(search, api.Asha(), random.Random(3), first_step=first_step, stride=stride).run()
    theirs = list(Optuna("asha", True).decisions(world))
    ours = [d.stop is not None for d in world.decisions]
    assert any(ours)
    # A report that jumps over several rungs counts at all of them here (see halving.py), in Optuna up to the lost one.
    assert stride > 1 or ours == theirs
