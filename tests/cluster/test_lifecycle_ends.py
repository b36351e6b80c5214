"""Why a search ends, on a real API server: target, deadline, failures, a broken script, a trial that takes too long."""

from collections import Counter

import pytest
from tests.cluster.jobs import Searches, a_job, reason
from tests.cluster.pods import condition

HANG = {"outcome": "hang"}


def states(searches: Searches, name: str) -> list[str]:
    """Give the states of a job's trials in their order."""
    return [trial["status"]["state"] for trial in searches.trials(name)]


def living(searches: Searches, name: str) -> list[str]:
    """Give the names of a job's pods that may still use a GPU."""
    pods = searches.pods(name)
    return [pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] in {"Pending", "Running"}]


def test_a_reached_target_stops_the_rest(searches):
    """A trial that reaches the target completes the search: what still runs ends as Stopped, and its GPUs are free."""
    objective = {"metric": "acc", "direction": "Maximize", "target": 0.9}
    notes = {**HANG, "outcome-0-1": "report", "value-0-1": "0.95", "run-milliseconds": "1000"}
    name = searches.apply(a_job("target", notes, objective=objective, parallelTrials=3))

    done = searches.wait(name)

    assert (done["status"]["state"], reason(done, "Complete")) == ("Complete", "TargetReached")
    assert living(searches, name) == []
    assert Counter(states(searches, name)) == {"Stopped": 2, "Succeeded": 1}
    assert done["status"]["target"] == 0.9 and done["status"]["best"]["value"] == 0.95
    assert "acc = 0.95, target 0.9" in condition(done, "Finished")["message"]


def test_a_deadline_with_a_success(searches):
    """At the deadline a search that has a best trial is Complete; what still runs is Stopped."""
    notes = {**HANG, "outcome-0-0": "report"}
    name = searches.apply(a_job("late", notes, activeDeadlineSeconds=4, parallelTrials=2))

    done = searches.wait(name)

    assert (done["status"]["state"], reason(done, "Finished")) == ("Complete", "DeadlineReached")
    assert living(searches, name) == []
    assert states(searches, name) == ["Succeeded", "Stopped", "Stopped"]
    assert done["status"]["trials"]["stopped"] == 2 and done["status"]["progress"] == "3/6"


def test_a_deadline_without_a_success(searches):
    """At the deadline a search without any result is Failed, also when its trials never found a node."""
    pending = {
        "containers": [{"name": "trial", "image": "none", "command": ["python"]}],
        "nodeSelector": {"no": "node"},
    }
    hung = searches.apply(a_job("hung", HANG, activeDeadlineSeconds=3))
    unplaced = searches.apply(a_job("unplaced", activeDeadlineSeconds=3, template={"spec": pending}))

    waiting = searches.wait(unplaced, "Progressing", "True")
    ended = [searches.wait(name) for name in (hung, unplaced)]

    assert waiting["status"]["state"] in {"Pending", "Running"}
    assert [reason(job, "Failed") for job in ended] == ["DeadlineExceeded"] * 2
    assert [states(searches, name) for name in (hung, unplaced)] == [["Stopped"]] * 2
    assert "activeDeadlineSeconds (3 s)" in condition(ended[0], "Finished")["message"]
    assert living(searches, hung) == living(searches, unplaced) == []


def test_too_many_failed_trials(searches):
    """One failed trial more than maxFailedTrials, after its retries, ends the search; the last failure is quoted."""
    notes = {"outcome": "fail", "outcome-0-0": "report"}
    name = searches.apply(a_job("failing", notes, maxFailedTrials=1, retries=0))

    done = searches.wait(name)

    assert (done["status"]["state"], reason(done, "Failed")) == ("Failed", "MaxFailedTrialsExceeded")
    assert states(searches, name) == ["Succeeded", "Failed", "Failed"]
    message = condition(done, "Finished")["message"]
    assert "2 trials failed, maxFailedTrials is 1; the last one, trial 0-2:" in message
    assert "ValueError: played by kwok" in message
    assert done["status"]["best"]["trialName"].endswith("-0-0")


@pytest.mark.parametrize(
    "notes", [{"outcome": "noreport"}, {"outcome": "fail", "exit-code": "127"}, {"outcome": "fail"}]
)
def test_a_broken_script_ends_the_job_early(searches, notes):
    """Two failures of one kind before any success end the job at once, with the log's last lines in the condition."""
    text = "Traceback (most recent call last):\nModuleNotFoundError: No module named 'nmupy'"
    name = searches.apply(a_job("typo", {**notes, "message": text}, maxTrials=50, maxFailedTrials=50, retries=0))

    done = searches.wait(name)

    assert (done["status"]["state"], reason(done, "Failed")) == ("Failed", "BrokenScript")
    assert done["status"]["trials"]["created"] == 2
    assert "No module named 'nmupy'" in condition(done, "Failed")["message"]


def test_trials_that_take_too_long(searches):
    """A run past trialTimeoutSeconds is ended and tried again; it counts as a failed attempt."""
    notes = {"outcome-0-0": "hang", "outcome-0-1": "hang", "outcome-0-1-r1": "hang"}
    job = a_job("slow", notes, trialTimeoutSeconds=2, retries=1, parallelTrials=3, maxTrials=3)
    name = searches.apply(job)

    done = searches.wait(name)

    assert reason(done, "Complete") == "AllTrialsFinished"
    assert states(searches, name) == ["Succeeded", "Failed", "Succeeded"]
    again, failed, _ = (trial["status"] for trial in searches.trials(name))
    assert [each["reason"] for each in again["attempts"]] == ["TimedOut", "Reported"]
    assert [each["reason"] for each in failed["attempts"]] == ["TimedOut", "TimedOut"]
    assert (again["failedAttempts"], failed["failedAttempts"]) == (1, 2)
    assert "trialTimeoutSeconds (2 s)" in condition(searches.trials(name)[1], "Failed")["message"]


def test_initial_trials_come_first(searches):
    """The user's own parameter sets are the first trials, in their order and as they are written."""
    given = [{"x": 0.125, "n": 3, "kind": "b", "flag": True}, {"x": 1, "n": 1, "kind": "a", "flag": False}]
    space = [
        {"name": "x", "float": {"min": 0, "max": 1}},
        {"name": "n", "int": {"min": 1, "max": 4}},
        {"name": "kind", "categorical": {"choices": ["a", "b"]}},
        {"name": "flag", "boolean": {}},
    ]
    name = searches.apply(a_job("mine", parameters=space, initialTrials=given, maxTrials=4, parallelTrials=4))

    searches.wait(name)
    trials = searches.trials(name)

    assert [trial["spec"]["parameters"] for trial in trials[:2]] == given
    assert [trial["status"]["value"] for trial in trials[:2]] == [0.125, 1]
    pod = next(pod for pod in searches.pods(name) if pod["metadata"]["labels"]["autosearch.dev/attempt"] == "0-1")
    args = pod["spec"]["containers"][0]["args"]
    assert {"--x=1.0", "--n=1", "--kind=a", "--flag=False"} <= set(args)


def test_an_exhausted_space(searches):
    """When every point was tried the search is Complete, however many trials were allowed."""
    space = [{"name": "x", "discrete": {"values": [0.1, 0.2, 0.3]}}]
    name = searches.apply(a_job("small", algorithm={"grid": {}}, parameters=space, maxTrials=9, parallelTrials=2))

    done = searches.wait(name)

    assert done["status"]["state"] == "Complete"
    assert sorted(trial["status"]["value"] for trial in searches.trials(name)) == [0.1, 0.2, 0.3]


def test_the_end_comes_when_the_gpus_are_free(searches):
    """Finished is not set while a pod that was told to end still holds its GPU."""
    objective = {"metric": "acc", "direction": "Maximize", "target": 0.1}
    notes = {
        **HANG,
        "outcome-0-1": "report",
        "value-0-1": "0.5",
        "run-milliseconds": "1000",
        "stop-milliseconds": "2500",
    }
    name = searches.apply(a_job("draining", notes, objective=objective, parallelTrials=2))

    draining = searches.wait(name, "Progressing", "False")
    alive = living(searches, name)
    done = searches.wait(name)

    assert reason(draining, "Progressing") == "TargetReached"
    assert reason(draining, "Finished") == "" and len(alive) == 1
    assert draining["status"]["state"] == "Running" and "completionTime" not in draining["status"]
    assert living(searches, name) == [] and reason(done, "Finished") == "TargetReached"
