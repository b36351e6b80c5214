"""Every decision of every algorithm is reproduced from what was known when it was taken (issue 5, line 6)."""

import pytest

from autosearch.search.conformance import check_replay, drawn_search
from autosearch.search.registry import NAMES, algorithm_of
from autosearch.search.simulation import Faults, bowl, simulate

DECISIONS = 1000
FAULTS = Faults(fail=0.1, restart=0.15, stale=0.3, double=0.3, drop=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_a_thousand_decisions_are_reproduced(name):
    """Restarts, lost and doubled events, lost answers and failed trials change no decision: 0 of 1,000 differ."""
    compared = seed = 0
    while compared < DECISIONS:
        search = drawn_search(name, 10_000 + seed, trials=40)
        simulation = simulate(
            lambda search=search: algorithm_of(search.algorithm),
            search,
            bowl(search),
            parallel=4,
            seed=seed,
            faults=FAULTS,
        )
        compared += check_replay(lambda search=search: algorithm_of(search.algorithm), search, simulation.trials)
        seed += 1
    assert compared >= DECISIONS


@pytest.mark.parametrize("name", ["random", "grid", "sobol", "tpe"])
def test_early_stopped_trials_are_part_of_the_replay(name):
    """The same with trials that a stopping rule ended."""
    for seed in range(4):
        search = drawn_search(name, 20_000 + seed, trials=30)
        make = lambda search=search: algorithm_of(search.algorithm)  # noqa: E731 - bound to this round's search
        simulation = simulate(make, search, bowl(search), parallel=3, seed=seed, faults=Faults(stop=0.4, fail=0.1))
        assert check_replay(make, search, simulation.trials) == len(simulation.trials)
