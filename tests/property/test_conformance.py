"""Every algorithm keeps the promises of the search layer, on drawn spaces and through bad days."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autosearch.search.conformance import check_all, drawn_search
from autosearch.search.registry import NAMES, algorithm_of

EXAMPLES = {"tpe": 8, "cmaes": 15, "sobol": 20}


@pytest.mark.parametrize("name", NAMES)
def test_an_algorithm_keeps_every_promise(name):
    """Legal points, determinism, memo == fresh, replay, no point twice in a finite space, and an end."""

    @settings(max_examples=EXAMPLES.get(name, 40), deadline=None, derandomize=True)
    @given(seed=st.integers(0, 2**32), parallel=st.integers(1, 6))
    def holds(seed, parallel):
        search = drawn_search(name, seed)
        check_all(lambda: algorithm_of(search.algorithm), search, seed, parallel=parallel)

    holds()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "pbt"])
def test_a_small_space_is_tried_out_to_its_last_point(name):
    """With more trials than points, each point is tried once and then the search ends."""
    tried = 0
    for seed in range(5 if name == "tpe" else 12):
        search = drawn_search(name, seed, finite=True, trials=30)
        simulation = check_all(lambda search=search: algorithm_of(search.algorithm), search, seed)
        if search.space.size <= search.max_trials:
            tried += 1
            assert len(simulation.trials) == search.space.size
    assert tried
