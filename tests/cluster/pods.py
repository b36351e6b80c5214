"""Pods in the form that the operator gives them, for tests of what plays them, and what to read off them."""

import json
from collections.abc import Callable

from tests.cluster.access import Access, Json

from autosearch.sidecar.settings import Verdict

TEST = "test.autosearch.dev"


def a_pod(name: str, *, attempt: str = "0-0", x: float = 0.25, gpus: int = 0, **notes: str) -> Json:
    """Give a pod with a trial, a sidecar and our labels; the notes are annotations of stages.yaml."""
    settings = {"job_id": "iris-1a2b3c4d", "attempt_id": attempt, "metric": "acc"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {"autosearch.dev/managed": "true", "autosearch.dev/attempt": attempt},
            "annotations": {f"{TEST}/{key.replace('_', '-')}": value for key, value in notes.items()},
        },
        "spec": {
            "restartPolicy": "Never",
            "initContainers": [
                {
                    "name": "autosearch-sidecar",
                    "image": "sidecar",
                    "restartPolicy": "Always",
                    "env": [{"name": "AUTOSEARCH_SIDECAR", "value": json.dumps(settings)}],
                }
            ],
            "containers": [
                {
                    "name": "trial",
                    "image": "trial",
                    "env": [
                        {"name": "AUTOSEARCH_JOB_ID", "value": settings["job_id"]},
                        {"name": "AUTOSEARCH_TRIAL_ID", "value": attempt},
                        {"name": "AUTOSEARCH_PARAM_x", "value": repr(x)},
                    ],
                    "resources": {"limits": {"nvidia.com/gpu": gpus}} if gpus else {},
                }
            ],
        },
    }


def trial_state(pod: Json) -> Json:
    """Give the state of the trial container; empty where it has none yet."""
    found: Json = next(iter(pod["status"].get("containerStatuses", ())), {}).get("state", {})
    return found


def sidecar_message(pod: Json) -> str:
    """Give the sidecar's termination message; "" where there is none."""
    boxes = {each["name"]: each for each in pod["status"].get("initContainerStatuses", ())}
    state = boxes.get("autosearch-sidecar", {}).get("state", {})
    return str(state.get("terminated", {}).get("message", ""))


def condition(thing: Json, kind: str) -> Json:
    """Give a condition of an object; empty where it has none of this type."""
    return next((each for each in thing["status"].get("conditions", ()) if each["type"] == kind), {})


def run_pod(cluster: Access, namespace: str, pod: Json, seconds: float = 30) -> Json:
    """Create a pod and give it when it has ended."""
    return wait_pod(cluster, namespace, pod, lambda found: found["status"]["phase"] in {"Succeeded", "Failed"}, seconds)


def wait_pod(cluster: Access, namespace: str, pod: Json, done: Callable[[Json], object], seconds: float = 30) -> Json:
    """Create a pod and give it when it is as wanted."""
    cluster.request("POST", f"/api/v1/namespaces/{namespace}/pods", pod)
    return cluster.wait_for(path_of(namespace, pod), done, seconds)


def path_of(namespace: str, pod: Json) -> str:
    """Give the path of a pod."""
    return f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}"


def verdict(pod: Json) -> Verdict:
    """Give the sidecar's verdict as the operator reads it."""
    found = Verdict.from_json(sidecar_message(pod))
    assert found is not None
    return found
