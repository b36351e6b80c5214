"""PBT with real processes: weights are handed on from the right parent, and the child really goes on from them."""

import json
import sys
from pathlib import Path

import pytest
from tests.contract.conftest import JobMaker

from autosearch.local.runner import run_search

SCRIPT = Path(__file__).parent / "scripts" / "pbt_trial.py"
POPULATION, ROUNDS = 8, 10


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("mode", ["Asynchronous", "Synchronous"])
def test_weights_are_inherited_from_the_right_parent(make_job: JobMaker, tmp_path: Path, mode, seed):
    """Every trial resumes its parent's own checkpoint, a loser's parent is strictly better, and the steps add up."""
    settings = {"population": POPULATION, "rounds": ROUNDS, "mode": mode}
    job = make_job(
        [sys.executable, "-S", str(SCRIPT)],
        trials=None,
        algorithm={"pbt": settings},
        output={"volume": {}},
        arguments="Contract",
        seed=seed,
        parallelTrials=3,
    )

    run_search(job, output=tmp_path / "out")

    trials = read_trials(tmp_path / "out")
    assert len(trials) == POPULATION * ROUNDS
    inherited = sum(check_handoff(trial, trials, tmp_path / "out" / "output") for trial in trials.values())
    assert inherited >= POPULATION // 2, "a search in which nobody inherits proves nothing"


def read_trials(output: Path):
    documents = [json.loads(path.read_text()) for path in (output / "trials").glob("*.json")]
    return {document["metadata"]["name"]: document for document in documents}


def check_handoff(trial, trials, root: Path) -> bool:
    """Check one trial against its parent; say whether it inherited another member's weights."""
    spec, status = trial["spec"], trial["status"]
    weights = json.loads((root / status["checkpointPath"]).read_text())
    assert status["state"] == "Succeeded"
    assert weights["steps"] == len(weights["trained_by"])
    assert weights["trained_by"][-1] == spec["trialId"]
    if spec["round"] == 0:
        assert (spec["operation"], spec.get("resume")) == ("Init", None)
        return False
    parent = trials[spec["resume"]["trialName"]]
    assert spec["resume"]["checkpointPath"] == parent["status"]["checkpointPath"]
    inherited = json.loads((root / parent["status"]["checkpointPath"]).read_text())
    assert weights["trained_by"] == [*inherited["trained_by"], spec["trialId"]]
    own = next(t for t in trials.values() if place(t) == (spec["round"] - 1, spec["member"]))
    if spec["operation"] == "Continue":
        assert (parent, spec["parameters"]) == (own, own["spec"]["parameters"])
        return False
    assert spec["operation"] == "Exploit"
    assert parent["status"]["value"] > own["status"]["value"]
    assert spec["parameters"] != parent["spec"]["parameters"]
    return True


def place(trial) -> tuple[int, int]:
    """Give a trial's round and member."""
    return trial["spec"]["round"], trial["spec"]["member"]
