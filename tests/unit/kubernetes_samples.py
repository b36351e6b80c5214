"""Objects as the API server stores them, for the tests of what the operator makes of them."""

from datetime import UTC, datetime

from autosearch.kubernetes.resources import ATTEMPT_LABEL, CLEANER_LABEL, JOB_LABEL, MANAGED_LABEL, TRIAL_LABEL

NOW = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
JOB_UID = "0123456789abcdef"
TRIAL_UID = "fedcba98"
TRIAL_NAME = "demo-01234567-0-4"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def job_body(version: int = 1, *, uid: str = JOB_UID, name: str = "demo", status: dict | None = None, **spec) -> dict:
    """Give an AutoSearchJob."""
    fields = {
        "objective": {"metric": "acc", "direction": "Maximize"},
        "parameters": [{"name": "x", "float": {"min": 0.0, "max": 1.0}}],
        "algorithm": {"random": {}},
        "maxTrials": 6,
        "parallelTrials": 2,
        "template": {"spec": {"containers": [{"name": "trial", "image": "i", "command": ["python", "t.py"]}]}},
        **spec,
    }
    metadata = {"name": name, "namespace": "team", "uid": uid, "resourceVersion": str(version), "generation": 1}
    body = {"apiVersion": "autosearch.dev/v1alpha1", "kind": "AutoSearchJob", "metadata": metadata, "spec": fields}
    return body if status is None else {**body, "status": status}


def trial_body(version: int = 1, *, uid: str = TRIAL_UID, owner: str = JOB_UID, status: dict | None = None) -> dict:
    """Give the Trial `0-4` of a job."""
    metadata = {
        "name": TRIAL_NAME,
        "namespace": "team",
        "uid": uid,
        "resourceVersion": str(version),
        "ownerReferences": [_owner("AutoSearchJob", "demo", owner)],
    }
    spec = {"jobName": "demo", "number": 4, "trialId": "0-4", "parameters": {"x": 0.5}, "sampler": "random"}
    kind = {"apiVersion": "autosearch.dev/v1alpha1", "kind": "Trial"}
    return {
        **kind,
        "metadata": metadata,
        "spec": spec,
        "status": status or {"attempts": [{"id": "0-4"}], "attemptCount": 1},
    }


def pod_body(version: int = 1, *, uid: str = "pod-1", owner: str = TRIAL_UID, phase: str = "Running", **labels) -> dict:
    """Give the pod of the trial's first attempt; labels beside ours as keyword arguments."""
    state = {"running": {"startedAt": "2026-01-31T12:00:05Z"}}
    if phase in ("Succeeded", "Failed"):
        code = int(phase == "Failed")
        times = {"startedAt": "2026-01-31T12:00:05Z", "finishedAt": "2026-01-31T12:20:00Z"}
        state = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed", **times}}
    ours = {MANAGED_LABEL: "true", JOB_LABEL: "demo", TRIAL_LABEL: TRIAL_NAME, ATTEMPT_LABEL: "0-4"}
    metadata = {
        "name": TRIAL_NAME,
        "namespace": "team",
        "uid": uid,
        "resourceVersion": str(version),
        "creationTimestamp": "2026-01-31T12:00:00Z",
        "labels": {**ours, **labels},
        "ownerReferences": [_owner("Trial", TRIAL_NAME, owner)],
    }
    started = {"startTime": "2026-01-31T12:00:00Z"} if phase != "Pending" else {}
    containers = [{"name": "trial", "image": "i", "state": state}] if phase != "Pending" else []
    status = {"phase": phase, "containerStatuses": containers, **started}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"nodeName": "node-a", "containers": [{"name": "trial", "image": "i"}]},
        "status": status,
    }


def cleaner_body(version: int = 1, *, uid: str = "cleaner-1") -> dict:
    """Give a pod that removes old models."""
    body = pod_body(version, uid=uid)
    body["metadata"] |= {"name": "demo-01234567-clean-0badc0de-0", "labels": {JOB_LABEL: "demo", CLEANER_LABEL: "true"}}
    return body


def _owner(kind: str, name: str, uid: str) -> dict:
    return {"apiVersion": "v1", "kind": kind, "name": name, "uid": uid, "controller": True}
