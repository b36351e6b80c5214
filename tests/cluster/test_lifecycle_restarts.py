"""An operator that is ended and started again, on a real API server: nothing is lost, nothing is done twice."""

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster.jobs import Searches, a_job, reason
from tests.cluster.operator_process import OperatorProcess


def until_running(searches: Searches, cluster, name: str, number: int) -> None:
    """Wait until so many trials run."""
    cluster.wait_for(searches.path(name), lambda job: job.get("status", {}).get("trials", {}).get("running") == number)


@contextmanager
def stopped(operator: OperatorProcess) -> Iterator[None]:
    """End the operator as Kubernetes does, and start it again afterwards, whatever happens: others use it too."""
    operator.kill(signal.SIGTERM)
    try:
        assert operator.part.exit_code == 0, operator.part.tail()
        yield
    finally:
        operator.start()


def test_the_operator_is_restarted(searches, cluster, operator):
    """An operator that is ended and started again goes on: results of the meantime count, no trial is run twice."""
    notes = {"run-milliseconds": "1000", "outcome-0-1": "fail"}
    name = searches.apply(a_job("restart", notes, parallelTrials=4, maxTrials=12))
    until_running(searches, cluster, name, 4)

    with stopped(operator):
        pods = f"/api/v1/namespaces/{searches.namespace}/pods"
        cluster.wait_for(pods, lambda found: all(pod["status"]["phase"] != "Running" for pod in found["items"]))
        meanwhile = searches.get(name)["status"]["trials"]
    done = searches.wait(name)
    attempts = Counter(each["id"] for trial in searches.trials(name) for each in trial["status"]["attempts"])

    assert meanwhile["created"] == 4
    assert (done["status"]["state"], done["status"]["progress"]) == ("Complete", "12/12")
    assert attempts == Counter([f"0-{number}" for number in range(12)] + ["0-1-r1"])
    assert len(searches.pods(name)) <= 13


def test_what_is_done_while_the_operator_is_down(searches, cluster, operator):
    """A pod that is deleted unseen is followed by the next attempt, a deleted trial is run again, edits take effect."""
    notes = {"outcome-0-0": "hang", "outcome-0-1": "hang"}
    name = searches.apply(a_job("unseen", notes, parallelTrials=2, maxTrials=2, retries=0))
    paused = searches.apply(a_job("paused", {"outcome": "hang"}, parallelTrials=1, maxTrials=1))
    until_running(searches, cluster, name, 2)
    until_running(searches, cluster, paused, 1)
    lost, deleted = (trial["metadata"] for trial in searches.trials(name))
    uids = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in searches.pods(name)}

    with stopped(operator):
        pods = f"/api/v1/namespaces/{searches.namespace}/pods"
        trials = f"/apis/autosearch.dev/v1alpha1/namespaces/{searches.namespace}/trials"
        for each in (lost["name"], deleted["name"]):
            cluster.request("DELETE", f"{pods}/{each}")
            cluster.wait_gone(f"{pods}/{each}")
        cluster.request("DELETE", f"{trials}/{deleted['name']}")
        searches.patch(name, maxTrials=3)
        searches.patch(paused, suspend=True)
    # The new trial 0-1 hangs as the old one did.
    cluster.wait_for(searches.path(name), lambda job: job["status"]["trials"].get("succeeded") == 2)
    held = cluster.wait_for(searches.path(paused), lambda job: reason(job, "Suspended") == "Suspended")
    first, again, third = searches.trials(name)

    assert [(each["id"], each["reason"]) for each in first["status"]["attempts"]] == [
        ("0-0", "Lost"),
        ("0-0-r1", "Reported"),
    ]
    assert first["status"]["attempts"][0]["podUID"] == uids[lost["name"]]
    assert again["metadata"]["uid"] != deleted["uid"] and again["status"]["state"] == "Running"
    assert third["status"]["state"] == "Succeeded"
    assert held["status"]["state"] == "Suspended"
