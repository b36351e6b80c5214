"""Pods as a kubelet, a scheduler or a controller leave them: the shapes of real statuses."""

import json
from datetime import UTC, datetime

from tests.unit.pod_samples import GPU, OUTPUT, job, pod_of

from autosearch.sidecar.settings import Verdict

NOW = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
SCHEDULED = {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-31T12:00:00Z"}
REPORT = {
    "value": 0.93,
    "metrics": {"acc": 0.93},
    "modelPath": "demo-01234567/0-4",
    "checkpointPath": "demo-01234567/0-4/model.pkl",
}
ACCEPTED = Verdict(report=REPORT, reported=1769860800.5).to_json()
STARTING = {"waiting": {"reason": "PodInitializing"}}
RUNNING = {"running": {"startedAt": "2026-01-31T12:00:05Z"}}


def at(minute: int, second: int = 0) -> datetime:
    """Give a time on the day and in the hour of these pods."""
    return datetime(2026, 1, 31, 12, minute, second, tzinfo=UTC)


def ended(code: int = 0, reason: str = "", message: str = "", finished: str = "12:20:00") -> dict:
    """Give the state of a container that has ended."""
    found = {
        "exitCode": code,
        "reason": reason or ("Error" if code else "Completed"),
        "startedAt": "2026-01-31T12:00:05Z",
        "finishedAt": f"2026-01-31T{finished}Z",
        "containerID": "containerd://0badc0de",
    }
    return {"terminated": found | ({"message": message} if message else {})}


def condition(kind: str, reason: str, message: str = "", *, status: str = "True", since: str = "12:19:50") -> dict:
    """Give a condition of a pod."""
    found = {"type": kind, "status": status, "reason": reason, "lastTransitionTime": f"2026-01-31T{since}Z"}
    return found | ({"message": message} if message else {})


def deleted(pod: dict, at_time: str = "12:20:20", grace: int = 30) -> dict:
    """Mark a pod as being deleted; `at_time` is when its grace is over, as the API server writes it."""
    times = {"deletionTimestamp": f"2026-01-31T{at_time}Z", "deletionGracePeriodSeconds": grace}
    return pod | {"metadata": pod["metadata"] | times}


def pending(*conditions: dict, **spec) -> dict:
    """Give a pod that no kubelet has seen."""
    pod = _pod()
    pod["spec"] |= spec
    return pod | {"status": {"phase": "Pending", "qosClass": "Burstable", "conditions": list(conditions)}}


def on_node(trial: dict, sidecar: dict | None = None, phase: str = "Running", **status) -> dict:
    """Give a pod that a kubelet has seen.

    Args:
        trial: state of the trial's container, or its whole status.
        sidecar: the same of the sidecar.
        status: further fields of the pod's status.
    """
    pod = _pod()
    pod["spec"]["nodeName"] = "node-1"
    known = {"phase": phase, "startTime": "2026-01-31T12:00:01Z", "conditions": [SCHEDULED]}
    known["containerStatuses"] = [_status("trial", "my/sklearn:1", trial)]
    known["initContainerStatuses"] = [_status("autosearch-sidecar", "autosearch:1", sidecar or RUNNING)]
    return pod | {"status": known | status}


def _status(name: str, image: str, state: dict) -> dict:
    whole = state if "state" in state else {"state": state, "lastState": {}}
    return {"name": name, "image": image, "imageID": "", "ready": False, "restartCount": 0, **whole}


def _pod() -> dict:
    pod = json.loads(json.dumps(pod_of(job(output=OUTPUT, container=GPU))))
    pod["metadata"] |= {"uid": "77", "resourceVersion": "1"}
    return pod
