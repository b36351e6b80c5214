"""Edits of a search that goes on, on a real API server: suspension, larger budgets, and what is refused."""

import datetime as dt
import time

import pytest
from tests.cluster.access import RequestError
from tests.cluster.jobs import Searches, a_job, reason
from tests.cluster.pods import condition

Json = dict
HANG = {"outcome-0-0": "hang", "outcome-0-1": "hang"}


def running(searches: Searches, cluster, name: str, number: int) -> Json:
    """Wait until so many trials run; gives the job."""
    return cluster.wait_for(
        searches.path(name), lambda job: job.get("status", {}).get("trials", {}).get("running") == number
    )


def reasons(searches: Searches, name: str) -> list[list[str]]:
    """Give the reasons of the attempts of each trial."""
    return [[each["reason"] for each in trial["status"]["attempts"]] for trial in searches.trials(name)]


def test_suspend_and_resume(searches, cluster):
    """Suspension frees all GPUs at once and uses no retry; resumed, the search goes on where it was."""
    name = searches.apply(
        a_job("pause", {**HANG, "run-milliseconds-0-2": "0"}, retries=0, parallelTrials=3, maxTrials=5)
    )
    before = cluster.wait_for(searches.path(name), lambda job: _counts(job) == {"running": 2, "succeeded": 3})

    searches.patch(name, suspend=True)
    paused = cluster.wait_for(searches.path(name), lambda job: reason(job, "Suspended") == "Suspended")
    alive = [pod for pod in searches.pods(name) if pod["status"]["phase"] in {"Pending", "Running"}]
    kept = {trial["metadata"]["name"]: trial["status"] for trial in searches.trials(name)}
    searches.patch(name, suspend=False)
    done = searches.wait(name)

    assert paused["status"]["state"] == "Suspended" and alive == []
    assert "startTime" not in paused["status"] and paused["status"]["best"] == before["status"]["best"]
    assert [status["state"] for status in kept.values()] == ["Pending", "Pending", *["Succeeded"] * 3]
    assert (reason(done, "Complete"), condition(done, "Suspended")["status"]) == ("AllTrialsFinished", "False")
    assert done["status"]["startTime"] > before["status"]["startTime"]
    assert reasons(searches, name) == [["Suspended", "Reported"]] * 2 + [["Reported"]] * 3
    assert [trial["status"].get("failedAttempts", 0) for trial in searches.trials(name)] == [0] * 5
    results = {trial["metadata"]["name"]: trial["status"] for trial in searches.trials(name)}
    assert [results[each] for each in results][2:] == [kept[each] for each in kept][2:]


def test_suspended_from_the_start(searches):
    """A job that is created suspended, as by a queueing system, has no trial until it is released."""
    name = searches.apply(a_job("queued", suspend=True, maxTrials=2))

    held = searches.wait(name, "Suspended")
    created = searches.trials(name), searches.pods(name)
    # Nothing has started: a queueing system may still put the template where there is room.
    searches.patch(name, suspend=False, maxTrials=1, seed=7)
    done = searches.wait(name)

    assert created == ([], []) and held["status"]["state"] == "Suspended"
    assert "startTime" not in held["status"] and reason(held, "Started") == ""
    assert len(searches.trials(name)) == 1 and done["status"]["seed"] == 7


def test_the_deadline_counts_anew(searches, cluster):
    """The time before a suspension does not count towards activeDeadlineSeconds, nor does the suspension."""
    name = searches.apply(a_job("clock", HANG, activeDeadlineSeconds=4, parallelTrials=2, maxTrials=2))
    begun = running(searches, cluster, name, 2)["status"]["startTime"]
    searches.patch(name, suspend=True)
    cluster.wait_for(searches.path(name), lambda job: reason(job, "Suspended") == "Suspended")
    over = dt.datetime.fromisoformat(begun) + dt.timedelta(seconds=4.5)
    time.sleep(max(0.0, (over - dt.datetime.now(dt.UTC)).total_seconds()))

    still = searches.get(name)
    searches.patch(name, suspend=False)
    done = searches.wait(name)

    assert reason(still, "Finished") == ""
    assert reason(done, "Finished") == "AllTrialsFinished"


def test_a_report_wins_over_a_suspension(searches, cluster):
    """A trial that reports while it is being ended for a suspension has succeeded and is not run again."""
    name = searches.apply(a_job("grace", {**HANG, "on-delete": "report", "stop-milliseconds": "300"}, maxTrials=1))
    running(searches, cluster, name, 1)

    searches.patch(name, suspend=True)
    done = searches.wait(name)

    assert reasons(searches, name) == [["Reported"]]
    assert done["status"]["state"] == "Complete" and condition(done, "Suspended").get("status") != "True"


def test_budgets_grow_while_it_runs(searches, cluster):
    """More trials and more at a time take effect at once; the status says that this edit was seen."""
    name = searches.apply(a_job("grow", {"outcome-0-0": "hang"}, maxTrials=1, parallelTrials=1))
    running(searches, cluster, name, 1)

    edited = searches.patch(name, maxTrials=5, parallelTrials=3)
    grown = cluster.wait_for(searches.path(name), lambda job: _counts(job) == {"running": 1, "succeeded": 4})
    cluster.request(
        "DELETE", f"/api/v1/namespaces/{searches.namespace}/pods/{searches.pods(name)[0]['metadata']['name']}"
    )
    done = searches.wait(name)

    assert grown["status"]["observedGeneration"] == edited["metadata"]["generation"]
    assert grown["status"]["trials"]["planned"] == 5
    assert done["status"]["progress"] == "5/5"


def test_rounds_grow_while_it_runs(searches, cluster):
    """A population gets further rounds, each member one more trial."""
    small = {"cmaes": {"population": 2, "rounds": 1}}
    name = searches.apply(a_job("rounds", {"run-milliseconds": "1500"}, algorithm=small))
    running(searches, cluster, name, 2)

    searches.patch(name, algorithm={"cmaes": {"rounds": 2}})
    done = searches.wait(name)

    assert [trial["spec"]["trialId"] for trial in searches.trials(name)] == ["0-0", "0-1", "1-0", "1-1"]
    assert done["status"]["progress"] == "4/4"


def test_fewer_at_a_time(searches, cluster):
    """A smaller parallelTrials ends nothing that runs, and starts nothing until there is room."""
    notes = {"run-milliseconds": "1500", "outcome-0-0": "hang"}
    name = searches.apply(a_job("fewer", notes, parallelTrials=3, maxTrials=4))
    running(searches, cluster, name, 3)

    searches.patch(name, parallelTrials=1)
    few = cluster.wait_for(searches.path(name), lambda job: _counts(job) == {"running": 1, "succeeded": 2})
    time.sleep(0.5)
    trials = len(searches.trials(name))
    searches.patch(name, parallelTrials=2)
    cluster.wait_for(searches.path(name), lambda job: _counts(job) == {"running": 1, "succeeded": 3})

    assert trials == 3 and few["status"]["state"] == "Running"
    assert reasons(searches, name)[1:] == [["Reported"]] * 3


REFUSED = {
    "maxTrials": 1,
    "parameters": [{"name": "y", "float": {"min": 0, "max": 1}}],
    "objective": {"direction": "Minimize"},
    "managedBy": "other.example/x",
    "template": {"spec": {"nodeSelector": {"gpu": "a100"}}},
}


def test_what_must_not_change(searches, cluster):
    """Once a search has started, edits that would change its meaning are refused at once, with what to do instead."""
    name = searches.apply(a_job("fixed", HANG, maxTrials=2))
    running(searches, cluster, name, 1)

    for field, value in REFUSED.items():
        with pytest.raises(RequestError, match="delete the job and create it anew") as caught:
            searches.patch(name, **{field: value})
        assert caught.value.status == 422 and field in str(caught.value)


def test_after_the_end_nothing_starts_again(searches, cluster):
    """A larger budget for a finished search is seen and changes nothing: Complete is final."""
    name = searches.apply(a_job("over", maxTrials=1))
    before = searches.wait(name)

    edited = searches.patch(name, maxTrials=3, suspend=True)
    generation = edited["metadata"]["generation"]
    after = cluster.wait_for(searches.path(name), lambda job: job["status"]["observedGeneration"] == generation)

    assert after["status"]["completionTime"] == before["status"]["completionTime"]
    assert reason(after, "Suspended") == "" and after["status"]["state"] == "Complete"
    assert len(searches.trials(name)) == 1
    assert {each["observedGeneration"] for each in after["status"]["conditions"]} == {generation}


def _counts(job: Json) -> Json:
    counts = job.get("status", {}).get("trials", {})
    return {key: counts[key] for key in ("running", "succeeded", "failed", "pending") if counts.get(key)}
