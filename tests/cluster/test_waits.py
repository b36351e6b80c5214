"""Every reason for which a pod waits: people read it in the job and in the trial, and the search goes on after it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.cluster.access import Json
from tests.cluster.jobs import Searches, a_job, bound_claim, reason
from tests.cluster.player import Player, Script, verdict_of
from tests.cluster.pods import condition
from tests.cluster.senders import PLAYED, in_thread, play

from autosearch.kubernetes.resources import ATTEMPT_LABEL

RESOURCE = "test.autosearch.dev/rare"


def template(**spec: Any) -> Json:
    """Give a template; `trial` holds fields of the trial's container."""
    trial = {"name": "trial", "image": "none", "command": ["python"], **spec.pop("trial", {})}
    return {"spec": {"containers": [trial], **spec}}


def progressing(searches: Searches, name: str, *words: str, why: str = "Waiting", status: str = "True") -> Json:
    """Wait until the job says why it waits, in all these words, and give the job."""
    deadline = time.monotonic() + 30
    while True:
        job = searches.get(name)
        found = condition({"status": {}, **job}, "Progressing")
        if found.get("reason") == why and all(word in found["message"] for word in words):
            assert found["status"] == status
            return job
        assert time.monotonic() < deadline, f"{why} {words}: {job.get('status')}"
        time.sleep(0.05)


def running(searches: Searches, name: str, number: int = 0) -> Json:
    """Give the condition Running of one of the job's trials."""
    return condition(searches.trials(name)[number], "Running")


def a_claim(name: str, **spec: object) -> Json:
    """Give a claim that has no volume yet."""
    storage = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": storage}


def bind(cluster, searches: Searches, name: str) -> None:
    """Make the claim, or the volume that it waits for."""
    volume, claim = bound_claim(searches.namespace, name)
    cluster.apply(volume)
    if not cluster.exists(f"/api/v1/namespaces/{searches.namespace}/persistentvolumeclaims/{name}"):
        cluster.apply(claim, namespace=searches.namespace)


@pytest.fixture
def volumes(cluster, searches: Searches):
    """Remove the volumes that a test has bound."""
    yield
    for name in ("unbound", "absent"):
        cluster.kubectl("delete", "pv", f"{name}-{searches.namespace}", "--ignore-not-found", "--wait=false")


@dataclass
class Unplaced:
    """A wait that the real scheduler tells of.

    Attributes:
        word: the reason.
        says: what its message must say.
        spec: of the job.
        before: what is done before the job is applied.
        lift: what ends the wait.
    """

    word: str
    says: tuple[str, ...]
    spec: Json
    before: Callable[..., None] = lambda *_: None
    lift: Callable[..., None] = lambda *_: None
    after: Callable[..., None] = field(default=lambda *_: None)


def add_resource(cluster, _searches) -> None:
    """Give a node some of a resource that no node had."""
    status = {"capacity": {RESOURCE: "8"}, "allocatable": {RESOURCE: "8"}}
    cluster.request("PATCH", "/api/v1/nodes/node-a/status", {"status": status})


def take_resource(cluster, _searches) -> None:
    """Take it away."""
    status = {"capacity": {RESOURCE: None}, "allocatable": {RESOURCE: None}}
    cluster.request("PATCH", "/api/v1/nodes/node-a/status", {"status": status})


def of_claim(name: str) -> Json:
    """Give the template's volume from a claim."""
    return {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]}


UNPLACED = {
    "no node has it": Unplaced(
        "Unschedulable",
        ("0/2 nodes are available", f"Insufficient {RESOURCE}"),
        {"template": template(trial={"resources": {"limits": {RESOURCE: 1}}})},
        lift=add_resource,
        after=take_resource,
    ),
    "a claim without a volume": Unplaced(
        "ClaimNotBound",
        ("PersistentVolumeClaim", "not bound"),
        {"template": template(**of_claim("unbound"))},
        before=lambda cluster, searches: cluster.apply(
            a_claim("unbound", storageClassName="", volumeName=""), namespace=searches.namespace
        ),
        lift=lambda cluster, searches: bind(cluster, searches, "unbound"),
    ),
    "a claim that is missing": Unplaced(
        "ClaimNotFound",
        ("PersistentVolumeClaim", '"absent"', "not exist"),
        {"template": template(**of_claim("absent"))},
        lift=lambda cluster, searches: bind(cluster, searches, "absent"),
    ),
    "an output claim that is missing": Unplaced(
        "ClaimNotFound",
        ("PersistentVolumeClaim", '"absent"', "not exist"),
        {"output": {"volume": {"persistentVolumeClaim": {"claimName": "absent"}}}},
        lift=lambda cluster, searches: bind(cluster, searches, "absent"),
    ),
}


@pytest.mark.parametrize("case", UNPLACED)
def test_waits_for_a_node(cluster, searches: Searches, volumes, case: str) -> None:
    """What the scheduler says is shown in job and trial, and once there is a node the search runs to its end."""
    wait = UNPLACED[case]
    wait.before(cluster, searches)
    name = searches.apply(a_job("waits", maxTrials=2, **wait.spec))

    progressing(searches, name, f"0-0: {wait.word}: ", *wait.says)
    shown = running(searches, name)
    assert (shown["status"], shown["reason"]) == ("False", wait.word)
    assert all(word in shown["message"] for word in wait.says)
    assert "preemption" not in shown["message"]
    try:
        wait.lift(cluster, searches)
        done = searches.wait(name)
    finally:
        wait.after(cluster, searches)
    assert done["status"]["state"] == "Complete"
    assert (running(searches, name)["reason"], running(searches, name)["message"]) == ("Reported", "")


def test_more_gpus_than_any_node_has(searches: Searches) -> None:
    """A pod that asks for too many GPUs waits, and both conditions say what no node has."""
    gpus = template(trial={"resources": {"limits": {"nvidia.com/gpu": 100}}})
    name = searches.apply(a_job("greedy", template=gpus))

    progressing(searches, name, "0-0: Unschedulable: ", "Insufficient nvidia.com/gpu")
    assert running(searches, name)["reason"] == "Unschedulable"


CONTAINERS = {
    "image pull": (
        "ImagePullBackOff",
        ("`none`", "`trial`", "cannot be pulled", "no such host"),
        {"reason": "ErrImagePull", "message": "failed to pull: dial tcp: lookup registry: no such host"},
    ),
    "image pull, backing off": (
        "ImagePullBackOff",
        ("`none`", "`trial`", "cannot be pulled"),
        {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "none"'},
    ),
    "ConfigMap of a variable": (
        "CreateContainerConfigError",
        ('configmap "settings" not found', "create it in the job's namespace"),
        {"reason": "CreateContainerConfigError", "message": 'configmap "settings" not found'},
    ),
    "image name": (
        "InvalidImageName",
        ("`none`", "no image name"),
        {"reason": "InvalidImageName", "message": "couldn't parse image name"},
    ),
}
EVENTS = {
    "ConfigMap of the code": (
        "ConfigMapNotFound",
        ("the ConfigMap `iris-code` does not exist: create it",),
        ("FailedMount", 'MountVolume.SetUp failed for volume "code" : configmap "iris-code" not found'),
    ),
    "mount": (
        "FailedMount",
        ("a volume cannot be mounted", "server not responding"),
        ("FailedMount", 'MountVolume.SetUp failed for volume "data" : mount.nfs: server not responding'),
    ),
    "volume of another node": (
        "VolumeInUse",
        ("held by another node", "ReadWriteMany"),
        (
            "FailedAttachVolume",
            'Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node',
        ),
    ),
}


def post_event(cluster, pod: Json, why: str, message: str) -> None:
    """Post a Warning about a pod, as the kubelet or the attach controller does."""
    meta = pod["metadata"]
    about = {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": meta["name"],
        "namespace": meta["namespace"],
        "uid": meta["uid"],
    }
    now = "2026-01-01T00:00:00Z"
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{meta['name']}."},
        "involvedObject": about,
        "type": "Warning",
        "reason": why,
        "message": message,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "source": {"component": "kubelet"},
    }
    cluster.request("POST", f"/api/v1/namespaces/{meta['namespace']}/events", event)


async def until_told(searches: Searches, word: str, says: tuple[str, ...], number: int = 0) -> None:
    """Wait until the job and the trial say why the pod waits."""
    await in_thread(progressing, searches, "waits", f"0-{number}: {word}: ", *says)
    shown = await in_thread(running, searches, "waits", number)
    assert (shown["status"], shown["reason"]) == ("False", word)
    assert all(each in shown["message"] for each in says)


def waiting_containers(pod: Json, trial: Json) -> Json:
    """Give the status of a pod whose trial container waits."""
    held = {"imageID": "", "ready": False, "restartCount": 0, "state": {"waiting": trial}}
    return {"containerStatuses": [{"name": c["name"], "image": c["image"], **held} for c in pod["spec"]["containers"]]}


@pytest.mark.parametrize("case", CONTAINERS)
def test_waits_that_a_container_tells(cluster, searches: Searches, case: str) -> None:
    """What the kubelet says of a container is shown in job and trial, until the container has started."""
    word, says, waiting = CONTAINERS[case]

    async def script(player: Player, pod: Json) -> None:
        await player.patch(pod, waiting_containers(pod, waiting))
        await until_told(searches, word, says)
        await player.end(await player.start(pod), verdict=verdict_of(pod, 0.5))

    check_goes_on(cluster, searches, script)


def test_waits_that_only_an_event_tells(cluster, searches: Searches) -> None:
    """What holds up the volumes of a pod stands in its events alone: it is read there, and forgotten at the start."""
    cases = list(EVENTS.values())

    async def script(player: Player, pod: Json) -> None:
        number = int(pod["metadata"]["labels"][ATTEMPT_LABEL].split("-")[1])
        word, says, event = cases[number]
        await player.patch(pod, waiting_containers(pod, {"reason": "PodInitializing"}))
        await in_thread(post_event, cluster, pod, *event)
        await until_told(searches, word, says, number)
        await player.end(await player.start(pod), verdict=verdict_of(pod, 0.5))

    check_goes_on(cluster, searches, script, len(cases))


def check_goes_on(cluster, searches: Searches, script: Script, trials: int = 1) -> None:
    """Run a search and check that nothing of the waits is left."""
    name = searches.apply(a_job("waits", PLAYED, maxTrials=trials, parallelTrials=trials))
    done = play(cluster, searches.namespace, script, lambda: searches.wait(name))
    assert done["status"]["state"] == "Complete"
    for number in range(trials):
        shown = running(searches, name, number)
        assert (shown["status"], shown["reason"], shown["message"]) == ("False", "Reported", "")


def test_a_missing_code_config_map(searches: Searches) -> None:
    """A job whose code does not exist says which ConfigMap to create, though its pods have a node and no fault."""
    code = {"volume": {"configMap": {"name": "missing"}}}
    name = searches.apply(a_job("codeless", {"outcome": "mount"}, code=code))

    progressing(searches, name, "0-0: ConfigMapNotFound: the ConfigMap `missing` does not exist: create it")
    assert running(searches, name)["reason"] == "ConfigMapNotFound"


def test_suspended(searches: Searches) -> None:
    """A suspended job says so, has no pods, and goes on when it is resumed."""
    name = searches.apply(a_job("paused", suspend=True, maxTrials=2))

    job = progressing(searches, name, "spec.suspend is true", why="Suspended", status="False")
    assert job["status"]["state"] == "Suspended" and not searches.pods(name)
    assert reason(job, "Suspended")
    searches.patch(name, suspend=False)
    assert searches.wait(name)["status"]["state"] == "Complete"
