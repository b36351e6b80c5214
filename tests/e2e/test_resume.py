"""`retryFrom: LastCheckpoint`: what an evicted trial has reported is not trained again."""

import json
from pathlib import Path

from tests.e2e.site import a_job, condition

RESUMES = (Path(__file__).parent / "scripts" / "resumes.py").read_text()


def evict(site, pod):
    """Evict a pod through the Eviction API, as draining a node does."""
    meta = {"name": pod, "namespace": site.namespace}
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta}
    site.access.request("POST", f"/api/v1/namespaces/{site.namespace}/pods/{pod}/eviction", body)


def test_an_evicted_trial_goes_on(site):
    """Evicted at 60 %, a trial goes on from its last reported checkpoint; no retry is used up, no step done twice."""
    code = site.code("resumes", {"train.py": RESUMES})
    spec = {"output": "results", "retryFrom": "LastCheckpoint", "retries": 0, "maxTrials": 1}
    site.apply(a_job("goes-on", code=code, **spec))
    folder = site.job_id("goes-on")
    at_60 = f"{folder}/0-0/step-6.json"
    site.until(lambda: reported(site) == at_60, "report of step 6 of 10")

    evict(site, f"{folder}-0-0")
    site.finished("goes-on")

    [trial] = site.trials("goes-on")
    status = trial["status"]
    first, second = status["attempts"]
    assert [first["id"], second["id"]] == ["0-0", "0-0-r1"]
    assert (first["reason"], second["reason"]) == ("EvictionByEvictionAPI", "Reported")
    assert (status["attemptCount"], status.get("failedAttempts", 0)) == (2, 0)
    files = site.files(folder)
    steps = json.loads(files["0-0-r1/step-10.json"])
    assert steps == ["0-0"] * 6 + ["0-0-r1"] * 4
    assert {path for path in files if path.startswith("0-0-r1/")} == {f"0-0-r1/step-{n}.json" for n in range(7, 11)}
    assert status["checkpointPath"] == f"{folder}/0-0-r1/step-10.json"
    [pod] = [pod for pod in site.pods("goes-on") if pod["metadata"]["name"].endswith("-r1")]
    assert f"--resume_checkpoint_path=./output/{at_60}" in pod["spec"]["containers"][0]["args"]
    assert condition(site.job("goes-on"), "Complete")["status"] == "True"
    shown = site.kubectl("get", "ast").splitlines()[1].split()
    assert (shown[0], shown[2], shown[4]) == (trial["metadata"]["name"], "Succeeded", "2")


def reported(site):
    """Give the trial's last checkpoint, as the object has it."""
    return next((trial["status"].get("lastCheckpointPath") for trial in site.trials("goes-on")), None)
