"""`kill -9` of the runner at any moment, then the same command: what is done stays done, and the search is the same."""

import json
import random
import sys
from pathlib import Path

import pytest
from tests.contract.conftest import JobMaker, RunnerMaker
from tests.contract.runners import REPORT, kill_at_some_moment, reasons_of

from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial
from autosearch.local.runner import open_results, run_search
from autosearch.search.conformance import check_replay
from autosearch.search.propose import record_of, search_of
from autosearch.search.registry import algorithm_of

PBT_SCRIPT = Path(__file__).parent / "scripts" / "pbt_trial.py"
ROUNDS = {"population": 4, "rounds": 4}


def a_job(make_job: JobMaker, algorithm: str, parallel: int) -> AutoSearchJob:
    """Make a job whose trials take a moment and are deterministic."""
    common = {"parallelTrials": parallel, "output": {"volume": {}}}
    if algorithm == "pbt":
        command = [sys.executable, "-S", str(PBT_SCRIPT)]
        return make_job(command, None, algorithm={"pbt": ROUNDS}, arguments="Contract", **common)
    settings = ROUNDS if algorithm in ("cmaes", "pso") else {}
    space = {"parameters": [{"name": "x", "float": {"min": 0.0, "max": 1.0, "step": 0.0625}}]}
    return make_job(
        f"sleep 0.02; {REPORT}",
        None if settings else 16,
        algorithm={algorithm: settings},
        **common,
        **(space if algorithm == "grid" else {}),
    )


def killed_and_finished(job: AutoSearchJob, start: RunnerMaker, seed: int) -> list[Trial]:
    """Run a search whose runner is killed four times; check what holds for every algorithm."""
    moments = random.Random(seed)
    for _ in range(4):
        kill_at_some_moment(start(job), moments)
    runner = start(job)
    assert runner.finish() == (0, "Complete\n")
    _, found = open_results(runner.output)
    assert [trial.spec.number for trial in found] == list(range(16))
    for reasons in reasons_of(found):
        assert reasons[-1] == "Reported"
        assert set(reasons[:-1]) <= {"Interrupted"}
    return found


@pytest.mark.parametrize(
    ("algorithm", "parallel"),
    [("random", 2), ("sobol", 3), ("grid", 2), ("tpe", 1), ("cmaes", 1), ("pso", 1), ("pbt", 1)],
)
def test_the_proposals_are_those_of_an_undisturbed_search(make_job, start, tmp_path, algorithm, parallel):
    """As many trials as planned, none run again once accepted, and the same ones as without the kills."""
    job = a_job(make_job, algorithm, parallel)
    found = killed_and_finished(job, start, seed=parallel)

    run_search(job, output=tmp_path / "undisturbed")
    _, undisturbed = open_results(tmp_path / "undisturbed")
    assert [trial.spec.parameters for trial in found] == [trial.spec.parameters for trial in undisturbed]


@pytest.mark.parametrize("algorithm", ["tpe", "cmaes", "pso", "pbt"])
def test_side_by_side_each_trial_is_reproduced_from_its_own_history(make_job, start, tmp_path, algorithm):
    """With several at once the order of results is the machine's, but each proposal follows from what it had seen."""
    found = killed_and_finished(a_job(make_job, algorithm, 3), start, seed=9)

    job = AutoSearchJob.from_dict(json.loads((tmp_path / "out" / "job.json").read_text()))
    search = search_of(job)
    compared = check_replay(lambda: algorithm_of(algorithm), search, [record_of(t, search.metric) for t in found])
    assert compared == len(found)
