"""Whole searches on a real API server, by the whole operator as a process, with kwok in the kubelets' place."""

from collections import Counter

import pytest
from tests.cluster.jobs import Searches, a_job, reason, with_output

SMALL = {"population": 4, "rounds": 3}
ALGORITHMS = {
    "auto": {},
    "random": {},
    "grid": {},
    "sobol": {},
    "tpe": {"startupTrials": 3},
    "cmaes": SMALL,
    "pso": SMALL,
    "pbt": SMALL,
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_runs_to_its_end(searches: Searches, algorithm: str) -> None:
    """A search by each algorithm completes with the best trial named and every trial reported."""
    settings = ALGORITHMS[algorithm]
    space = [{"name": "x", "float": {"min": 0, "max": 1, **({"step": 0.25} if algorithm == "grid" else {})}}]
    job = a_job(algorithm, algorithm={algorithm: settings}, parameters=space, parallelTrials=3, **with_output())
    if algorithm not in {"cmaes", "pso", "pbt", "grid"}:
        job["spec"]["maxTrials"] = 8
    name = searches.apply(job)
    done = searches.wait(name)
    assert done["status"]["state"] == "Complete", done["status"]
    trials = searches.trials(name)
    expected = {"grid": 5, "cmaes": 12, "pso": 12, "pbt": 12}.get(algorithm, 8)
    assert Counter(trial["status"]["state"] for trial in trials) == {"Succeeded": expected}
    best = max(trials, key=lambda trial: trial["status"]["value"])
    assert done["status"]["best"]["value"] == best["status"]["value"] == best["spec"]["parameters"]["x"]
    assert reason(done, "Finished")
