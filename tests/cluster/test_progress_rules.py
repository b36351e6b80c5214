"""Every stopping rule over the network: pods report to the whole operator, hopeless ones hear of it and end."""

import pytest
from tests.cluster.access import Json
from tests.cluster.jobs import Searches
from tests.cluster.pods import condition
from tests.cluster.senders import play
from tests.cluster.training import Training, job_over

from autosearch.api import algorithms as api
from autosearch.search.stopping.hyperband import bracket, rungs

HALVING = {"minResource": 1, "maxResource": 4, "reductionFactor": 2}
GOOD = (0.9, 0.8)


@pytest.mark.parametrize(
    ("rule", "steps"),
    [
        ({"threshold": {"lower": 0.5}}, 1),
        ({"median": {"startupTrials": 2}}, 1),
        ({"asha": {"minResource": 1, "reductionFactor": 2}}, 1),
        ({"median": {"startupTrials": 2, "warmupSteps": 3}}, 3),
    ],
    ids=["threshold", "median", "asha", "median with warm-up"],
)
def test_a_hopeless_trial_hears_of_it_with_its_next_report(
    cluster, operator, searches: Searches, rule: Json, steps: int
) -> None:
    """By each rule the third trial is stopped, one report after the one that was judged, and the search completes."""
    values = (*GOOD[::-1], 0.1) if "asha" in rule else (*GOOD, 0.1)
    script = Training(cluster, operator, {0.1}, steps=steps)
    name = searches.apply(job_over("rules", rule, values))

    done = play(cluster, searches.namespace, script, lambda: searches.wait(name))

    assert done["status"]["state"] == "Complete", done["status"]
    assert script.stops == {0.1: steps + 1}
    *good, stopped = searches.trials(name)
    assert [trial["status"]["state"] for trial in good] == ["Succeeded"] * 2
    check_stopped(stopped, 0.1)


def check_stopped(trial: Json, value: float) -> None:
    """Check the record of a trial that was stopped: why, and what it had reported."""
    status = trial["status"]
    assert status["state"] == "EarlyStopped", status
    assert status["observations"] and {o["metrics"]["acc"] for o in status["observations"]} == {value}
    assert status["value"] == value
    assert condition(trial, "StopRequested")["message"] == condition(trial, "Complete")["message"] != ""
    assert status["attempts"][-1]["reason"] == "EarlyStopped" and len(status["attempts"]) == 1


def test_patience(cluster, operator, searches: Searches) -> None:
    """A trial that does not improve is stopped, once its reports are stored, and one that improves is not."""
    script = Training(cluster, operator, {0.1}, steps=4, growing=True)
    name = searches.apply(job_over("patience", {"patience": {"steps": 2}}, (0.9, 0.1)))

    play(cluster, searches.namespace, script, lambda: searches.wait(name))

    assert script.stops == {0.1: 5}
    good, stopped = searches.trials(name)
    assert good["status"]["state"] == "Succeeded"
    check_stopped(stopped, 0.1)


def test_hyperband(cluster, operator, searches: Searches) -> None:
    """In each bracket that has rungs all trials but the best are stopped, at the bracket's own first rung."""
    settings = api.Hyperband(min_resource=1, max_resource=4, reduction_factor=2)
    values = tuple(round(0.9 - 0.1 * number, 1) for number in range(6))
    brackets = [bracket(settings, "hyperband", number) for number in range(6)]
    worse = {n for n in range(6) if brackets[n] in brackets[:n] and rungs(settings, brackets[n])}
    assert worse, "the job's name puts two trials into one bracket"
    script = Training(cluster, operator, {values[n] for n in worse}, steps=4)
    name = searches.apply(job_over("hyperband", {"hyperband": HALVING}, values))

    play(cluster, searches.namespace, script, lambda: searches.wait(name))

    trials = searches.trials(name)
    assert {n for n in range(6) if trials[n]["status"]["state"] == "EarlyStopped"} == worse
    for number in worse:
        check_stopped(trials[number], values[number])
        assert f"at rung {rungs(settings, brackets[number])[0]}" in condition(trials[number], "Complete")["message"]


def test_the_good_trials_history_is_whole(cluster, operator, searches: Searches) -> None:
    """What a trial reported in its last seconds is stored with its result: later trials are judged by it."""
    script = Training(cluster, operator, set(), steps=7)
    name = searches.apply(job_over("whole", {"median": {}}, (0.9,)))

    play(cluster, searches.namespace, script, lambda: searches.wait(name))

    (trial,) = searches.trials(name)
    assert [observation["step"] for observation in trial["status"]["observations"]] == [1, 2, 3, 4, 5, 6, 7]
