"""What is removed and what is kept, on a real API server: pods, old models, and the finished job itself."""

import datetime as dt
import time

from tests.cluster.jobs import Searches, a_job, with_output
from tests.cluster.pods import condition

from autosearch.kubernetes.resources import CLEANER_LABEL

Json = dict


def attempts_left(searches: Searches, name: str) -> set[str]:
    """Give the attempt ids of the pods that are there."""
    return {pod["metadata"]["labels"].get("autosearch.dev/attempt", "cleaner") for pod in searches.pods(name)}


def pods_path(searches: Searches, selector: str = "") -> str:
    """Give the path of the namespace's pods."""
    path = f"/api/v1/namespaces/{searches.namespace}/pods"
    return f"{path}?labelSelector={selector}" if selector else path


def test_a_finished_job_is_removed(searches, cluster):
    """TtlSecondsAfterFinished after its end a job goes, and with it its trials and pods; not earlier."""
    name = searches.apply(a_job("brief", maxTrials=2, ttlSecondsAfterFinished=2))
    done = searches.wait(name)
    ended = dt.datetime.fromisoformat(done["status"]["completionTime"])

    cluster.wait_gone(searches.path(name))
    removed = dt.datetime.now(dt.UTC)
    # The garbage collector takes half a minute to learn of a new kind of owner.
    cluster.wait_for(pods_path(searches), lambda found: not found["items"], seconds=90)

    assert (removed - ended).total_seconds() >= 2
    assert searches.trials(name) == []


def test_a_finished_job_is_given_a_time(searches, cluster):
    """The field ttlSecondsAfterFinished may be set after the end, and counts from it."""
    name = searches.apply(a_job("later", maxTrials=1))
    searches.wait(name)

    searches.patch(name, ttlSecondsAfterFinished=0)

    cluster.wait_gone(searches.path(name))


def test_pods_are_kept_for_their_logs(searches, cluster):
    """PodHistory keeps that many of each kind, the newest, and always the best trial's."""
    notes = {
        "value-0-1": "0.99",
        "value": "0.5",
        "outcome-0-2": "fail",
        "outcome-0-3": "fail",
        "outcome-0-2-r1": "fail",
    }
    notes |= {"message-0-2": "one", "message-0-3": "two"}
    history = {"succeeded": 2, "failed": 1}
    name = searches.apply(a_job("history", notes, podHistory=history, maxTrials=6, retries=1))
    done = searches.wait(name)

    # Failed in this order: 0-2, 0-2-r1, 0-3. Succeeded: 0-0, 0-1 (best), 0-3-r1, 0-4, 0-5.
    expected = {"0-1", "0-3", "0-4", "0-5"}
    cluster.wait_for(pods_path(searches), lambda _: attempts_left(searches, name) == expected)
    time.sleep(1.5)

    assert attempts_left(searches, name) == expected
    assert done["status"]["best"]["trialName"].endswith("-0-1")
    assert len(searches.trials(name)) == 6


def test_no_pods_are_kept(searches, cluster):
    """With podHistory 0 and 0 only the best trial's pod stays."""
    history = {"succeeded": 0, "failed": 0}
    name = searches.apply(a_job("none", {"value-0-1": "0.9", "value": "0.1"}, podHistory=history, maxTrials=4))
    searches.wait(name)

    cluster.wait_for(pods_path(searches), lambda _: attempts_left(searches, name) == {"0-1"})


def test_only_the_best_models_are_kept(searches, cluster):
    """With keepBestModels the others' directories are removed by a cleaner, and their trials say so; it goes too."""
    notes = {f"value-0-{number}": f"0.{number + 1}" for number in range(4)} | {"outcome-0-4": "fail"}
    notes["value-0-4-r1"] = "0.5"
    name = searches.apply(a_job("models", notes, maxTrials=5, keepBestModels=2, **with_output()))
    done = searches.wait(name)
    trials = f"/apis/autosearch.dev/v1alpha1/namespaces/{searches.namespace}/trials"

    cluster.wait_for(trials, lambda _: len(removed(searches, name)) == 3)
    cluster.wait_for(pods_path(searches, f"{CLEANER_LABEL}=true"), lambda found: not found["items"])
    statuses = {trial["spec"]["trialId"]: trial["status"] for trial in searches.trials(name)}

    assert removed(searches, name) == ["0-0", "0-1", "0-2"]
    assert all("modelPath" not in statuses[each] for each in removed(searches, name))
    # The first attempt of a best trial may go, its last one never.
    assert statuses["0-4"]["attemptsRemoved"] == 1 and statuses["0-4"]["modelPath"].endswith("/0-4-r1")
    assert done["status"]["best"]["modelPath"] == statuses["0-4"]["modelPath"]
    assert [statuses[each]["value"] for each in ("0-0", "0-3")] == [0.1, 0.4]
    assert searches.get(name)["status"]["best"] == done["status"]["best"]


def removed(searches: Searches, name: str) -> list[str]:
    """Give the ids of the trials whose output is gone."""
    return [trial["spec"]["trialId"] for trial in searches.trials(name) if trial["status"].get("outputRemoved")]


def test_a_cleaner_that_fails(searches, cluster):
    """A failing cleaner is tried three times, then the job's condition tells it in its words; nothing else suffers."""
    label = f"test.autosearch.dev/{searches.namespace}"
    cluster.kubectl("label", "node", "node-a", f"{label}=yes")
    spec = {"containers": [{"name": "trial", "image": "none", "command": ["python"]}], "nodeSelector": {label: "yes"}}
    notes = {"annotations": {"test.autosearch.dev/run-milliseconds": "2000"}}
    job = a_job("stuck", template={"metadata": notes, "spec": spec}, maxTrials=3, parallelTrials=3, keepBestModels=1)
    job["spec"] |= with_output()
    name = searches.apply(job)
    cluster.wait_for(searches.path(name), lambda found: found.get("status", {}).get("trials", {}).get("running") == 3)
    # No node for the cleaner: the test plays it.
    cluster.kubectl("label", "node", "node-a", f"{label}-")
    searches.wait(name)

    seen = [fail_cleaner(searches, cluster, tries) for tries in range(3)]
    told = searches.wait(name, "Cleaning", "False")

    assert {tuple(sorted(each)) for each in seen} == {tuple(sorted(seen[0]))} and len(seen[0]) == 2
    assert condition(told, "Cleaning")["reason"] == "CleanerFailed"
    assert "Permission denied: 0-0" in condition(told, "Cleaning")["message"]
    assert told["status"]["state"] == "Complete" and removed(searches, name) == []
    cluster.wait_for(pods_path(searches, f"{CLEANER_LABEL}=true"), lambda found: not found["items"])


def fail_cleaner(searches: Searches, cluster, tries: int) -> list[str]:
    """Wait for the cleaner's pod of this try, end it as a kubelet would, long ago; gives what it was to remove."""
    path = pods_path(searches, f"{CLEANER_LABEL}=true")
    found = cluster.wait_for(path, lambda pods: any(_name(pod).endswith(f"-{tries}") for pod in pods["items"]))
    pod = next(pod for pod in found["items"] if _name(pod).endswith(f"-{tries}"))
    long_ago = (dt.datetime.now(dt.UTC) - dt.timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    ended = {"exitCode": 1, "reason": "Error", "message": "Permission denied: 0-0", "finishedAt": long_ago}
    box = {"name": "cleaner", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
    status = {"phase": "Failed", "containerStatuses": [{**box, "state": {"terminated": ended}}]}
    cluster.request("PATCH", f"{pods_path(searches)}/{_name(pod)}/status", {"status": status})
    words: list[str] = pod["spec"]["containers"][0]["command"]
    return words[words.index("--remove") + 1 :]


def _name(pod: Json) -> str:
    return str(pod["metadata"]["name"])
