"""Our own pods, played on a real API server and read back as the engine sees them."""

from datetime import UTC, datetime

import pytest
from tests.unit.pod_samples import CODE, GPU, OUTPUT, job, pod_of

from autosearch.kubernetes.pod_status import hint_of, run_of


def played(cluster, namespace: str, outcome: str) -> str:
    """Create a pod whose annotations say how it fares, and give its path."""
    notes = {"test.autosearch.dev/outcome": outcome, "test.autosearch.dev/value-of": "lr"}
    pod = pod_of(job(code=CODE, output=OUTPUT, container=GPU, template={"metadata": {"annotations": notes}}))
    pod["metadata"]["namespace"] = namespace
    del pod["metadata"]["ownerReferences"]
    pod["spec"]["volumes"] = [
        {"name": volume["name"], "emptyDir": {}} if "persistentVolumeClaim" in volume else volume
        for volume in pod["spec"]["volumes"]
    ]
    cluster.wait_for(f"/api/v1/namespaces/{namespace}/serviceaccounts/default", lambda found: True)
    cluster.request("POST", f"/api/v1/namespaces/{namespace}/pods", pod)
    return f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}"


def read(pod: dict, hint: str = ""):
    """Give a pod's run as of now."""
    return run_of(pod, now=datetime.now(UTC), hint=hint)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("report", (0.1, 0, "", False)),
        ("noreport", (None, 0, "", False)),
        ("fail", (None, 1, "", False)),
        ("oom", (None, 137, "OOMKilled", False)),
        ("evict", (None, 143, "Evicted", True)),
    ],
)
def test_a_pods_end_is_read(cluster, namespace, outcome, expected):
    """Value, exit code, reason and disruption are what happened to the pod."""
    path = played(cluster, namespace, outcome)

    run = read(cluster.wait_for(path, lambda pod: not read(pod).alive))

    value = run.report.value if run.report else None
    assert (value, run.exit_code, run.reason, run.disrupted) == expected
    assert (run.gpus, run.trial_name, run.attempt_id) == (1, "demo-01234567-0-4", "0-4")
    assert run.held_from is not None
    assert run.held_until is not None
    assert run.held_until >= run.held_from


@pytest.mark.parametrize(
    ("outcome", "reason"), [("imagepull", "ImagePullBackOff"), ("configerror", "CreateContainerConfigError")]
)
def test_a_pods_wait_is_read(cluster, namespace, outcome, reason):
    """A pod that cannot start says why."""
    path = played(cluster, namespace, outcome)

    run = read(cluster.wait_for(path, lambda pod: read(pod).reason not in {"", "Unschedulable"}))

    assert (run.alive, run.started, run.reason) == (True, None, reason)
    assert run.message


def test_an_event_says_why_a_pod_waits(cluster, namespace):
    """A mount that fails is told by an event alone."""
    path = played(cluster, namespace, "mount")
    events = f"/api/v1/namespaces/{namespace}/events?fieldSelector=involvedObject.kind=Pod"

    found = cluster.wait_for(events, lambda listed: hint_of(listed["items"]))
    run = read(cluster.request("GET", path), hint_of(found["items"]))

    assert (run.alive, run.reason) == (True, "ConfigMapNotFound")
    assert run.message == "the ConfigMap `missing` does not exist: create it"
