"""Objects that are deleted by hand, on a real API server: pods, trials, jobs and whole namespaces."""

import json

from tests.cluster.jobs import Searches, a_job, reason

Json = dict
GROUP = "/apis/autosearch.dev/v1alpha1/namespaces"


def trials_path(searches: Searches) -> str:
    """Give the path of the namespace's trials."""
    return f"{GROUP}/{searches.namespace}/trials"


def pods_path(searches: Searches) -> str:
    """Give the path of the namespace's pods."""
    return f"/api/v1/namespaces/{searches.namespace}/pods"


def until_running(searches: Searches, cluster, name: str, number: int) -> None:
    """Wait until so many trials run."""
    cluster.wait_for(searches.path(name), lambda job: job.get("status", {}).get("trials", {}).get("running") == number)


def test_a_pod_deleted_by_hand(searches, cluster):
    """A running pod that somebody deletes is followed by the next attempt, at no cost; the lost one's uid is kept."""
    name = searches.apply(a_job("pods", {"outcome-0-0": "hang", "outcome-0-0-r1": "hang"}, retries=0, maxTrials=2))
    until_running(searches, cluster, name, 1)
    uids = []
    for attempt in ("0-0", "0-0-r1"):
        selector = f"autosearch.dev/attempt={attempt}"
        running = lambda found: found["items"] and found["items"][0]["status"]["phase"] == "Running"  # noqa: E731 - one use
        pod = cluster.wait_for(f"{pods_path(searches)}?labelSelector={selector}", running)["items"][0]
        uids.append(pod["metadata"]["uid"])
        grace = {"gracePeriodSeconds": 0} if attempt == "0-0-r1" else {}
        cluster.request(
            "DELETE", f"{pods_path(searches)}/{pod['metadata']['name']}", {"kind": "DeleteOptions", **grace}
        )

    done = searches.wait(name)
    status = searches.trials(name)[0]["status"]

    assert reason(done, "Complete") == "AllTrialsFinished"
    assert [each["reason"] for each in status["attempts"]] == ["PodDeleted", "PodDeleted", "Reported"]
    assert [each["podUID"] for each in status["attempts"]][:2] == uids
    assert status.get("failedAttempts", 0) == 0


def test_a_finished_pod_deleted_by_hand(searches, cluster):
    """What a pod reported is kept when it is deleted afterwards, and nothing runs again."""
    name = searches.apply(a_job("after", {"outcome-0-1": "hang"}, maxTrials=2))
    until_running(searches, cluster, name, 1)
    cluster.wait_for(searches.path(name), lambda job: job["status"]["trials"].get("succeeded") == 1)
    before = searches.trials(name)[0]["status"]
    pods = {pod["metadata"]["labels"]["autosearch.dev/attempt"]: pod["metadata"]["name"] for pod in searches.pods(name)}

    cluster.request("DELETE", f"{pods_path(searches)}/{pods['0-0']}")
    cluster.wait_gone(f"{pods_path(searches)}/{pods['0-0']}")
    cluster.request("DELETE", f"{pods_path(searches)}/{pods['0-1']}")
    searches.wait(name)

    assert searches.trials(name)[0]["status"] == before
    left = {pod["metadata"]["labels"]["autosearch.dev/attempt"] for pod in searches.pods(name)}
    assert left - {"0-1"} == {"0-1-r1"}


def test_a_trial_deleted_by_hand(searches, cluster):
    """A deleted trial is run again under its number, with its parameters; its old pod is ended and not mixed up."""
    name = searches.apply(a_job("trials", {"run-milliseconds": "1500"}, parallelTrials=3, maxTrials=4, seed=3))
    until_running(searches, cluster, name, 3)
    before = searches.trials(name)[1]
    old = next(pod for pod in searches.pods(name) if pod["metadata"]["labels"]["autosearch.dev/attempt"] == "0-1")

    cluster.request("DELETE", f"{trials_path(searches)}/{before['metadata']['name']}")
    done = searches.wait(name)
    trials = searches.trials(name)

    assert [trial["spec"]["number"] for trial in trials] == [0, 1, 2, 3]
    assert trials[1]["metadata"]["uid"] != before["metadata"]["uid"]
    assert trials[1]["status"]["attempts"][-1]["podUID"] != old["metadata"]["uid"]
    assert trials[1]["spec"]["parameters"] == before["spec"]["parameters"]
    assert done["status"]["progress"] == "4/4" and done["status"]["state"] == "Complete"


def test_a_finished_trial_deleted_by_hand(searches, cluster):
    """The result of a deleted trial is gone from the counters; it is run again, and the search ends as planned."""
    name = searches.apply(a_job("results", {"outcome-0-2": "hang"}, maxTrials=3, seed=5))
    until_running(searches, cluster, name, 1)
    cluster.wait_for(searches.path(name), lambda job: job["status"]["trials"].get("succeeded") == 2)
    gone = searches.trials(name)[0]

    cluster.request("DELETE", f"{trials_path(searches)}/{gone['metadata']['name']}")
    cluster.request("DELETE", f"{pods_path(searches)}/{searches.trials(name)[-1]['metadata']['name']}")
    searches.wait(name)
    trials = searches.trials(name)

    assert [trial["spec"]["number"] for trial in trials] == [0, 1, 2]
    assert {trial["status"]["state"] for trial in trials} == {"Succeeded"}
    assert trials[0]["metadata"]["uid"] != gone["metadata"]["uid"]


def test_a_job_deleted_by_hand(searches, cluster):
    """With a job all that it made goes, running pods too, and nothing of it is created again."""
    name = searches.apply(a_job("jobs", {"outcome-0-1": "hang", "outcome-0-2": "hang"}, parallelTrials=3))
    until_running(searches, cluster, name, 2)

    cluster.request("DELETE", searches.path(name))

    # The garbage collector takes half a minute to learn of a new kind of owner.
    cluster.wait_for(pods_path(searches), lambda found: not found["items"], seconds=90)
    assert searches.trials(name) == []


def test_a_job_under_an_old_name(searches, cluster):
    """A job that is deleted and created again at once is a new search: other ids, no trial of the first one counts."""
    job = a_job("again", {"run-milliseconds": "700"}, parallelTrials=2, maxTrials=4)
    name = searches.apply(job)
    cluster.wait_for(pods_path(searches), lambda found: len(found["items"]) == 2)
    first = searches.get(name)["metadata"]["uid"]

    cluster.request("DELETE", searches.path(name))
    searches.apply(job)
    done = searches.wait(name)
    second = done["metadata"]["uid"]
    own = [trial for trial in searches.trials(name) if trial["metadata"]["name"].startswith(f"again-{second[:8]}-")]

    assert first != second and done["status"]["progress"] == "4/4"
    assert [trial["spec"]["number"] for trial in own] == [0, 1, 2, 3]
    assert {trial["metadata"]["ownerReferences"][0]["uid"] for trial in own} == {second}
    cluster.wait_for(trials_path(searches), lambda found: len(found["items"]) == 4, seconds=90)


def test_a_namespace_deleted_in_the_middle(searches, cluster, operator):
    """A namespace with a running search goes cleanly: no errors in the operator's log, and others are served."""
    doomed = Searches(cluster, cluster.create_namespace())
    name = doomed.apply(a_job("doomed", {"run-milliseconds": "200"}, parallelTrials=4, maxTrials=500))
    cluster.wait_for(doomed.path(name), lambda job: job.get("status", {}).get("trials", {}).get("succeeded", 0) > 3)
    seen = len(operator.log.read_text().splitlines())

    cluster.delete_namespace(doomed.namespace)
    served = searches.apply(a_job("served", maxTrials=3))
    done = searches.wait(served)
    cluster.wait_gone(f"/api/v1/namespaces/{doomed.namespace}", seconds=60)

    lines = [json.loads(line) for line in operator.log.read_text().splitlines()[seen:]]
    assert done["status"]["state"] == "Complete"
    assert [line for line in lines if line["level"] in {"ERROR", "CRITICAL", "WARNING"}] == []
    assert operator.part.running and len(lines) < 50
