"""Attempts on a real API server: retries, whose fault an end was, checkpoints handed on, and what is billed."""

import datetime as dt
import json
import ssl
import urllib.request

import pytest
from tests.cluster.jobs import Searches, a_job, reason, with_output
from tests.cluster.pods import condition

Json = dict


def gpu_template(gpus: int, notes: dict[str, str]) -> Json:
    """Give a template whose trial holds GPUs."""
    box = {"name": "trial", "image": "none", "command": ["python", "train.py"]}
    box["resources"] = {"limits": {"nvidia.com/gpu": gpus}}
    annotations = {f"test.autosearch.dev/{key}": value for key, value in notes.items()}
    return {"metadata": {"annotations": annotations}, "spec": {"containers": [box]}}


def attempts(trial: Json) -> list[tuple[str, str, int | None]]:
    """Give id, reason and exit code of each attempt."""
    return [(each["id"], each["reason"], each.get("exitCode")) for each in trial["status"]["attempts"]]


def pod_of(searches: Searches, name: str, attempt: str) -> Json:
    """Give the pod of an attempt."""
    pods = {pod["metadata"]["labels"]["autosearch.dev/attempt"]: pod for pod in searches.pods(name)}
    return pods[attempt]


OUTCOMES = {
    "0-1": "fail",
    "0-2": "oom",
    "0-2-r1": "oom",
    "0-3": "evict",
    "0-4": "fail",
    "0-5": "fail",
    "0-6": "fail",
    "0-7": "gone",
    "0-8": "noreport",
    "0-9": "diverged",
}
CODES = {"0-4": "2", "0-5": "126", "0-6": "127"}


def test_whose_fault_an_end_was(searches):
    """Each way in which an attempt can end is recorded, and uses up a retry only if it was the trial's own fault."""
    notes = {"run-milliseconds": "1500", "run-milliseconds-0-0": "0"}
    notes |= {f"outcome-{attempt}": outcome for attempt, outcome in OUTCOMES.items()}
    notes |= {f"exit-code-{attempt}": code for attempt, code in CODES.items()}
    name = searches.apply(a_job("many", notes, retries=1, maxTrials=10, parallelTrials=10, maxFailedTrials=8))

    done = searches.wait(name)
    trials = {trial["spec"]["trialId"]: trial for trial in searches.trials(name)}

    assert reason(done, "Complete") == "AllTrialsFinished"
    assert {identity: attempts(trial) for identity, trial in trials.items()} == {
        "0-0": [("0-0", "Reported", 0)],
        "0-1": [("0-1", "ScriptFailed", 1), ("0-1-r1", "Reported", 0)],
        "0-2": [("0-2", "OOMKilled", 137), ("0-2-r1", "OOMKilled", 137)],
        "0-3": [("0-3", "Evicted", 143), ("0-3-r1", "Reported", 0)],
        "0-4": [("0-4", "UsageError", 2)],
        "0-5": [("0-5", "CannotExecute", 126)],
        "0-6": [("0-6", "CommandNotFound", 127)],
        "0-7": [("0-7", "PodDeleted", None), ("0-7-r1", "Reported", 0)],
        "0-8": [("0-8", "NoReport", 0), ("0-8-r1", "Reported", 0)],
        "0-9": [("0-9", "Diverged", 0), ("0-9-r1", "Reported", 0)],
    }
    failed = {identity: trial["status"].get("failedAttempts", 0) for identity, trial in trials.items()}
    assert failed == {f"0-{n}": count for n, count in enumerate((0, 1, 2, 0, 1, 1, 1, 0, 1, 1))}
    assert {i for i, trial in trials.items() if trial["status"]["state"] == "Failed"} == {"0-2", "0-4", "0-5", "0-6"}
    assert "memory" in condition(trials["0-2"], "Failed")["message"]
    assert "ValueError: played by kwok" in trials["0-1"]["status"]["attempts"][0]["message"]
    assert "low on resource" in trials["0-3"]["status"]["attempts"][0]["message"]
    assert done["status"]["trials"]["failed"] == 4 and done["status"]["trials"]["succeeded"] == 6


def test_attempts_name_their_pods(searches):
    """Each attempt has its pod's uid, its times, and a directory of its own that the script is told."""
    name = searches.apply(a_job("again", {"outcome-0-2": "fail", "run-milliseconds": "1000"}, maxTrials=3))

    searches.wait(name)
    trial = searches.trials(name)[2]
    first, second = trial["status"]["attempts"]
    pods = [pod_of(searches, name, each) for each in ("0-2", "0-2-r1")]

    assert [first["podUID"], second["podUID"]] == [pod["metadata"]["uid"] for pod in pods]
    assert [pod["metadata"]["name"] for pod in pods] == [f"{trial['metadata']['name']}{end}" for end in ("", "-r1")]
    assert [_flag(pod, "trial_id") for pod in pods] == ["0-2", "0-2-r1"]
    assert [pod["metadata"]["ownerReferences"][0]["uid"] for pod in pods] == [trial["metadata"]["uid"]] * 2
    assert first["startTime"] <= first["endTime"] <= second["startTime"] <= second["endTime"]
    assert first["endTime"] <= trial["status"]["completionTime"]
    assert trial["status"]["attemptCount"] == 2


def test_a_late_crash_does_not_waste_the_result(searches):
    """A trial whose report was accepted has succeeded, whatever its process's exit code; the code is told."""
    name = searches.apply(a_job("crash", {"exit-code": "139"}, maxTrials=1))

    done = searches.wait(name)
    trial = searches.trials(name)[0]

    assert done["status"]["state"] == "Complete" and trial["status"]["state"] == "Succeeded"
    assert "exit code 139" in condition(trial, "Complete")["message"]


@pytest.mark.parametrize("again", ["LastCheckpoint", "Scratch"])
def test_the_last_checkpoint_is_handed_on(searches, cluster, operator, again):
    """With retryFrom: LastCheckpoint a failed attempt's successor gets its newest checkpoint; else it gets none."""
    notes = {"outcome-0-0": "fail", "run-milliseconds-0-0": "3000"}
    name = searches.apply(a_job("resume", notes, maxTrials=1, retryFrom=again, **with_output()))
    trial = cluster.wait_for(_trials(searches), lambda found: found["items"] and _runs(found["items"][0]))["items"][0]
    pod = pod_of(searches, name, "0-0")
    directory = f"{_flag(pod, 'job_id')}/0-0"

    answer = report(cluster, operator, pod, trial, checkpoint_path=f"{directory}/epoch-3.pt")
    searches.wait(name)
    trial = searches.trials(name)[0]

    assert answer == {"stop": False, "reason": ""}
    assert trial["status"]["lastCheckpointPath"] == f"{directory}/epoch-3.pt"
    assert trial["status"]["observations"] == [{"step": 3, "metrics": {"acc": 0.5}}]
    found = _flag(pod_of(searches, name, "0-0-r1"), "resume_checkpoint_path")
    assert found.endswith(f"{directory}/epoch-3.pt") if again == "LastCheckpoint" else found == ""


def test_what_is_billed(searches):
    """usage.gpuSeconds is the sum over all pods, failed ones too, of GPUs times the time from start to last end."""
    notes = {"run-milliseconds": "1500", "outcome-0-1": "fail", "run-milliseconds-0-2": "2500"}
    name = searches.apply(a_job("bill", template=gpu_template(2, notes), maxTrials=3, parallelTrials=3))

    done = searches.wait(name)
    seconds = [held(pod) for pod in searches.pods(name)]

    assert len(seconds) == 4 and min(seconds) >= 1
    assert done["status"]["usage"] == {"trialSeconds": sum(seconds), "gpuSeconds": 2 * sum(seconds)}
    per_trial = [trial["status"]["usage"]["gpuSeconds"] for trial in searches.trials(name)]
    assert sum(per_trial) == done["status"]["usage"]["gpuSeconds"]


def held(pod: Json) -> float:
    """Give the seconds from a pod's start to its last container's end."""
    status = pod["status"]
    boxes = [*status["containerStatuses"], *status["initContainerStatuses"]]
    ends = [dt.datetime.fromisoformat(box["state"]["terminated"]["finishedAt"]) for box in boxes]
    return (max(ends) - dt.datetime.fromisoformat(status["startTime"])).total_seconds()


def report(cluster, operator, pod: Json, trial: Json, **fields: str) -> Json:
    """Send a progress report as the pod's sidecar does."""
    meta = pod["metadata"]
    token = cluster.account_token(meta["namespace"], "default", audience="autosearch.dev", pod=pod)
    attempt = meta["labels"]["autosearch.dev/attempt"]
    body = {"type": "progress", "trial": trial["metadata"]["name"], "attempt": attempt, "step": 3, **fields}
    body["metrics"] = {"acc": 0.5}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{operator.report_url}/v1/reports", json.dumps(body).encode(), headers)  # noqa: S310 - our own server
    trust = ssl.create_default_context(cadata=operator.ca)
    with urllib.request.urlopen(request, context=trust, timeout=10) as answer:  # noqa: S310 - our own process
        found: Json = json.loads(answer.read())
    return found


def _trials(searches: Searches) -> str:
    return f"/apis/autosearch.dev/v1alpha1/namespaces/{searches.namespace}/trials"


def _runs(trial: Json) -> bool:
    return bool(trial.get("status", {}).get("state") == "Running")


def _flag(pod: Json, name: str) -> str:
    args = pod["spec"]["containers"][0]["args"]
    return next((arg.partition("=")[2] for arg in args if arg.startswith(f"--{name}=")), "")
