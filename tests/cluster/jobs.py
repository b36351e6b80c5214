"""Jobs for the operator's tests, in the form that a user applies, and how their ends are waited for."""

import json
from typing import Any

from tests.cluster.access import Access
from tests.cluster.pods import TEST, condition

Json = dict[str, Any]
_JOBS = "/apis/autosearch.dev/v1alpha1/namespaces/{}/autosearchjobs"
_TRIALS = "/apis/autosearch.dev/v1alpha1/namespaces/{}/trials"


def a_job(name: str, notes: dict[str, str] | None = None, **spec: Any) -> Json:
    """Give a small random search over `x`; the notes are annotations of stages.yaml, without their prefix."""
    annotations = {f"{TEST}/{key}": value for key, value in (notes or {}).items()}
    whole: Json = {
        "objective": {"metric": "acc", "direction": "Maximize"},
        "parameters": [{"name": "x", "float": {"min": 0, "max": 1}}],
        "template": {
            "metadata": {"annotations": annotations},
            "spec": {"containers": [{"name": "trial", "image": "none", "command": ["python", "train.py"]}]},
        },
        **spec,
    }
    if not {"cmaes", "pso", "pbt", "grid"} & whole.get("algorithm", {}).keys():
        whole.setdefault("maxTrials", 6)
    return {
        "apiVersion": "autosearch.dev/v1alpha1",
        "kind": "AutoSearchJob",
        "metadata": {"name": name},
        "spec": {key: value for key, value in whole.items() if value is not None},
    }


def with_output(**spec: Any) -> Json:
    """Give the fields of a job that keeps its models on a claim."""
    return {"output": {"volume": {"persistentVolumeClaim": {"claimName": "results"}}}, **spec}


def bound_claim(namespace: str, name: str = "results", mode: str = "ReadWriteMany") -> tuple[Json, Json]:
    """Give a claim that pods may name and the volume it is bound to; kwok mounts nothing."""
    volume = f"{name}-{namespace}"
    common = {"accessModes": [mode], "storageClassName": ""}
    held = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": volume},
        "spec": {
            **common,
            "capacity": {"storage": "1Gi"},
            "hostPath": {"path": "/nowhere"},
            "claimRef": {"namespace": namespace, "name": name},
        },
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {**common, "resources": {"requests": {"storage": "1Gi"}}, "volumeName": volume},
    }
    return held, claim


class Searches:
    """The jobs of one namespace."""

    def __init__(self, access: Access, namespace: str) -> None:
        self._access = access
        self.namespace = namespace

    def path(self, name: str) -> str:
        """Give a job's path."""
        return f"{_JOBS.format(self.namespace)}/{name}"

    def apply(self, job: Json) -> str:
        """Apply a job as kubectl does; gives its name."""
        self._access.apply(job, namespace=self.namespace)
        return str(job["metadata"]["name"])

    def get(self, name: str) -> Json:
        """Read a job."""
        return self._access.request("GET", self.path(name))

    def exists(self, name: str) -> bool:
        """Say whether there is such a job."""
        return self._access.exists(self.path(name))

    def patch(self, name: str, **spec: Any) -> Json:
        """Change fields of a job's spec."""
        return self._access.request("PATCH", self.path(name), {"spec": spec})

    def wait(self, name: str, kind: str = "Finished", status: str = "True", seconds: float = 60) -> Json:
        """Wait for a condition and give the job."""
        return self._access.wait_for(
            self.path(name), lambda job: condition(_with_status(job), kind).get("status") == status, seconds
        )

    def trials(self, name: str) -> list[Json]:
        """Give a job's trials in their order."""
        items = self._access.request("GET", _TRIALS.format(self.namespace))["items"]
        return sorted((t for t in items if t["spec"]["jobName"] == name), key=lambda t: int(t["spec"]["number"]))

    def account_of_itself(self) -> str:
        """Give the statuses of all jobs, trials and pods of the namespace, for whom a test has failed."""
        lists = (_JOBS, _TRIALS, "/api/v1/namespaces/{}/pods")
        found = (each for path in lists for each in self._access.request("GET", path.format(self.namespace))["items"])
        return "\n".join(f"{each['metadata']['name']}: {json.dumps(each.get('status'))}" for each in found)

    def pods(self, name: str) -> list[Json]:
        """Give a job's pods."""
        selector = f"labelSelector=autosearch.dev/job={name}"
        found: list[Json] = self._access.request("GET", f"/api/v1/namespaces/{self.namespace}/pods?{selector}")["items"]
        return found


def _with_status(job: Json) -> Json:
    return {"status": {}, **job}


def reason(job: Json, kind: str) -> str:
    """Give a condition's reason; "" where there is none."""
    return str(condition(_with_status(job), kind).get("reason", ""))
