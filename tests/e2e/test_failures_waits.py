"""Pods that cannot start on a real node: job, trial and `kubectl get` say why, and the search goes on when it can."""

import secrets

import pytest
from tests.e2e.site import Site, a_job, condition, on_claim
from tests.e2e.volume import folder_on_node

SAY = ["sh", "-c", 'echo \'{"acc": 0.5}\' > "$AUTOSEARCH_RESULT"']
LABEL = f"e2e.autosearch.dev/{secrets.token_hex(4)}"
ABSENT = "registry.invalid/none:1"


@pytest.fixture(scope="module")
def place(installed, tmp_path_factory):
    """A namespace in which all of them wait."""
    made = Site(installed, tmp_path_factory.mktemp("waits"))
    common = {"maxTrials": 1, "arguments": "None"}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    unbound = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "unbound"}}
    made.apply(unbound | {"spec": {**claim, "storageClassName": "", "volumeName": f"{made.namespace}-unbound"}})
    made.apply(
        a_job("no-image", SAY, image=ABSENT, **common),
        a_job("no-node", SAY, pod={"nodeSelector": {LABEL: "yes"}}, **common),
        a_job("no-code", ["sh", "train.sh"], code={"volume": {"configMap": {"name": "late"}}}, **common),
        a_job("no-claim", SAY, output=on_claim("absent"), **common),
        a_job("no-volume", SAY, output=on_claim("unbound"), **common),
    )
    yield made
    installed.kubectl("label", "nodes", "--all", f"{LABEL}-")
    made.close()


def waits_for(place, name, *words):
    """Wait until job and trial say in all these words why the pod has not started; gives the trial's condition."""

    def said():
        job = condition(place.job(name), "Progressing")
        [found] = [condition(trial, "Running") for trial in place.trials(name)] or [{}]
        both = f"{found.get('reason')}: {found.get('message')}"
        told = job.get("reason") == "Waiting" and all(word in job["message"] and word in both for word in words)
        return told and found

    found = place.until(said, f"wait of {name} for {words}", 120)
    assert found["status"] == "False"
    assert words[0] in place.kubectl("get", "asj", name, "-o", "yaml")
    return found


def goes_on(place, name):
    """The search ends well, with the attempt that waited."""
    place.finished(name)
    [trial] = place.trials(name)
    assert (trial["status"]["state"], trial["status"]["attemptCount"]) == ("Succeeded", 1)


def test_unschedulable(place):
    """A pod that no node takes waits as Unschedulable, and runs as soon as a node fits."""
    waits_for(place, "no-node", "Unschedulable", "didn't match Pod's node affinity/selector")
    place.kubectl("label", "nodes", "--all", f"{LABEL}=yes")

    goes_on(place, "no-node")


def test_config_map_missing(place):
    """Code whose ConfigMap does not exist is named; the trial starts when the ConfigMap is made."""
    waits_for(place, "no-code", "ConfigMapNotFound", "the ConfigMap `late` does not exist: create it")
    place.code("late", {"train.sh": SAY[2]})

    goes_on(place, "no-code")


def test_claim_missing(place):
    """A claim that does not exist is waited for."""
    waits_for(place, "no-claim", "ClaimNotFound", "absent")
    place.claim("absent")

    goes_on(place, "no-claim")


def test_claim_not_bound(place):
    """A claim without a volume is waited for, until the volume is there."""
    waits_for(place, "no-volume", "ClaimNotBound")
    volume = f"{place.namespace}-unbound"
    held = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},
        "storageClassName": "",
        "claimRef": {"namespace": place.namespace, "name": "unbound"},
        "hostPath": {"path": folder_on_node(place.namespace, "unbound"), "type": "DirectoryOrCreate"},
    }
    meta = {"name": volume, "labels": {"e2e": place.namespace}}
    place.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta, "spec": held})

    goes_on(place, "no-volume")


def test_image_missing(place):
    """An image that cannot be pulled is named; the wait ends with the job's deadline, and the pod goes with it."""
    found = waits_for(place, "no-image", "ImagePullBackOff", f"the image `{ABSENT}` of container `trial`")
    assert "cannot be pulled" in found["message"]

    place.patch("no-image", activeDeadlineSeconds=1)
    place.finished("no-image", "DeadlineExceeded")
    [trial] = place.trials("no-image")
    assert trial["status"]["state"] == "Stopped"
    place.until(lambda: place.pods("no-image") == [], "end of its pod", 60)
