"""Pods that others end: the trial goes on in a further attempt, which uses up none of its retries."""

import pytest
from tests.e2e.site import Site, a_job, condition

# The first attempt never ends by itself.
SCRIPT = """
import os, time
if not os.environ["AUTOSEARCH_TRIAL_ID"].endswith("-r1"):
    time.sleep(3600)
with open(os.environ["AUTOSEARCH_RESULT"], "w") as file:
    file.write('{"acc": 0.5}')
"""


@pytest.fixture(scope="module")
def place(installed, tmp_path_factory):
    """A namespace with a search for each way; none of them allows for a retry."""
    made = Site(installed, tmp_path_factory.mktemp("disruptions"))
    common = {"code": made.code("code", {"train.py": SCRIPT}), "maxTrials": 1, "retries": 0, "arguments": "None"}
    for name in ("evicted", "deleted", "forced"):
        made.apply(a_job(name, **common))
    yield made
    made.close()


def running_pod(place, name):
    """Wait until the trial's process runs; gives its pod."""
    running = "the running trial"
    place.until(lambda: place.trials(name) and place.trials(name)[0]["status"].get("state") == "Running", running)
    [pod] = place.pods(name)
    return pod


def evict(place, pod):
    """Ask for an eviction, as `kubectl drain` does."""
    name = pod["metadata"]["name"]
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": place.namespace}}
    place.access.request("POST", f"/api/v1/namespaces/{place.namespace}/pods/{name}/eviction", body)


def delete(place, pod, *how):
    """Delete a pod as a person does."""
    place.kubectl("delete", "pod", pod["metadata"]["name"], "--wait=false", *how)


def force(place, pod):
    """Remove the pod's object at once, whatever its process does."""
    delete(place, pod, "--grace-period=0", "--force")


WAYS = {"evicted": (evict, "EvictionByEvictionAPI"), "deleted": (delete, "PodDeleted"), "forced": (force, None)}


@pytest.mark.parametrize("name", WAYS)
def test_next_attempt(place, name):
    """After an eviction through the API, a deletion, or a forced one, the trial succeeds in its next attempt."""
    end, reason = WAYS[name]
    pod = running_pod(place, name)
    end(place, pod)

    place.finished(name)

    [trial] = place.trials(name)
    first, second = trial["status"]["attempts"]
    assert (first["id"], second["id"]) == ("0-0", "0-0-r1")
    assert first["podUID"] == pod["metadata"]["uid"] != second["podUID"]
    assert first["reason"] == reason or (reason is None and first["reason"] in ("Lost", "PodDeleted"))
    assert (trial["status"]["attemptCount"], trial["status"].get("failedAttempts", 0)) == (2, 0)
    assert condition(trial, "Complete")["reason"] == "Reported"
    assert place.kubectl("get", "ast").count("Succeeded") >= 1
