"""One namespace of the cluster under test, with a claim for results: what a user of AutoSearch has.

Owns: the namespace and the volume behind the claim, a folder of the node where STORAGE_CLASS names no other.
"""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from tests.e2e.cluster_access import Access, wait_until
from tests.e2e.installation import SYSTEM, a_namespace
from tests.e2e.volume import Volume, a_claim

Json = dict[str, Any]
PYTHON = os.environ.get("PYTHON_IMAGE", "python:3.12-slim")
SKLEARN = os.environ.get("SKLEARN_IMAGE", "localhost/trial-sklearn:1")
TORCH = os.environ.get("TORCH_IMAGE", "localhost/trial-torch:1")
API = "autosearch.dev/v1alpha1"
_OURS = "/apis/autosearch.dev/v1alpha1/namespaces"


class Site:
    """A namespace with Pod Security `baseline` and the claim `results`.

    Attributes:
        namespace: its name.
        folder: a folder on this machine for the test's files.
    """

    def __init__(self, access: Access, folder: Path, level: str = "baseline") -> None:
        self.access = access
        self.folder = folder
        self.namespace = f"e2e-{secrets.token_hex(4)}"
        access.apply(a_namespace(self.namespace, level))
        self.claim("results")
        self._volume = Volume(access, self.namespace, "results", PYTHON)
        account = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/default"
        wait_until(lambda: access.exists(account), "default service account")

    def close(self) -> None:
        """Ask for the removal of all of it; does not wait."""
        self.access.kubectl("delete", "namespace", self.namespace, "--wait=false", "--ignore-not-found")
        self.access.kubectl("delete", "pv", "-l", f"e2e={self.namespace}", "--wait=false")

    def claim(self, name: str) -> None:
        """Make a claim that all pods may mount and write, of a volume of its own."""
        self.access.apply(*a_claim(self.namespace, name), namespace=self.namespace)

    def code(self, name: str, files: dict[str, str]) -> Json:
        """Make a ConfigMap of scripts; gives the value of `spec.code`."""
        meta = {"name": name, "namespace": self.namespace}
        self.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": files})
        return {"volume": {"configMap": {"name": name}}}

    def apply(self, *objects: Json) -> str:
        """Apply objects as a user does; gives the first one's name."""
        self.access.apply(*objects, namespace=self.namespace)
        return str(objects[0]["metadata"]["name"])

    def patch(self, name: str, **spec: Any) -> Json:
        """Change fields of a job's spec."""
        return self.access.request("PATCH", f"{_OURS}/{self.namespace}/autosearchjobs/{name}", {"spec": spec})

    def job(self, name: str) -> Json:
        """Read a job."""
        return {"status": {}, **self.access.get(f"{_OURS}/{self.namespace}/autosearchjobs/{name}")}

    def job_id(self, name: str) -> str:
        """Give the id that the job's scripts see."""
        return f"{name}-{self.job(name)['metadata']['uid'][:8]}"

    def trials(self, name: str) -> list[Json]:
        """Give a job's trials in their order."""
        items = self.access.get(f"{_OURS}/{self.namespace}/trials")["items"]
        mine = [{"status": {}, **item} for item in items if item["spec"]["jobName"] == name]
        return sorted(mine, key=lambda trial: int(trial["spec"]["number"]))

    def pods(self, name: str = "") -> list[Json]:
        """Give a job's pods, or all of the namespace's, the oldest first."""
        query = f"?labelSelector=autosearch.dev/job={name}" if name else ""
        items = self.access.get(f"/api/v1/namespaces/{self.namespace}/pods{query}")["items"]
        return sorted(items, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))

    def wait(self, name: str, kind: str = "Finished", status: str = "True", seconds: float = 300) -> Json:
        """Wait for a condition of a job; gives the job."""
        return self.until(
            lambda: (job := self.job(name)) and condition(job, kind).get("status") == status and job,
            f"condition {kind}={status} of {name}",
            seconds,
        )

    def finished(self, name: str, reason: str | None = None, seconds: float = 300) -> Json:
        """Wait for the end of a job, which has to be `Complete`, or `Failed` with the given reason; gives the job."""
        job = self.wait(name, seconds=seconds)
        kind = "Failed" if reason else "Complete"
        found = condition(job, kind)
        assert found.get("status") == "True" and reason in (None, found["reason"]), job["status"]["conditions"]
        return job

    def until(self, check, what: str, seconds: float = 300) -> Any:
        """Ask until the answer is true; gives it."""
        return wait_until(check, what, seconds)

    def kubectl(self, *words: str, text: str | None = None, check: bool = True) -> str:
        """Run kubectl in the namespace; gives what it printed."""
        return self.access.kubectl("-n", self.namespace, *words, text=text, check=check)

    def cli(self, *words: str, check: bool = True) -> str:
        """Run `autosearch` in the namespace; gives what it printed, errors too where `check` is false."""
        return self.access.cli(*words, "-n", self.namespace, check=check)

    def files(self, path: str = "") -> dict[str, bytes]:
        """Read all files of the claim `results` below a path, by their paths from there."""
        return self._volume.files(path)

    def shell(self, script: str) -> str:
        """Run a shell script as root in a pod that has the claim `results` at /volume; gives what it printed."""
        return self._volume.shell(script)

    def python(self, code: str, image: str = PYTHON) -> str:
        """Run Python code in a pod of an image that has the claim `results` at /volume; gives what it printed."""
        return self._volume.python(code, image)

    def account_of_itself(self) -> str:
        """Give all that a person would look at, for whom a test has failed."""
        words = (("get", "asj,ast,pods", "-o", "wide"), ("get", "events", "--sort-by=.lastTimestamp"))
        shown = [self.kubectl(*each, check=False) for each in words]
        for kind in ("autosearchjobs", "trials"):
            items = self.access.get(f"{_OURS}/{self.namespace}/{kind}")["items"]
            shown += [f"{each['metadata']['name']}: {json.dumps(each.get('status'))}" for each in items]
        shown += [f"{each['metadata']['name']}: {json.dumps(each.get('status'))}" for each in self.pods()]
        log = self.access.kubectl("-n", SYSTEM, "logs", "deployment/autosearch", "--tail=60", check=False)
        return "\n".join([*shown, "the operator's log:", log])


def condition(thing: Json, kind: str) -> Json:
    """Give a condition of a job, trial or pod; empty where there is none."""
    found = thing.get("status", {}).get("conditions") or ()
    return next((each for each in found if each["type"] == kind), {})


def a_job(name: str, command: list[str] | None = None, image: str = PYTHON, **spec: Any) -> Json:
    """Give a small random search over `x` for the metric `acc`, run by `command`, as a user writes it.

    Args:
        name: the job's name.
        command: of the trial's container, otherwise `python train.py`.
        image: of the trial's container.
        spec: further fields; `output="results"` and the like stand for a claim; `container` and `pod` hold further
            fields of the trial's container and of the pod's spec; None removes a field.
    """
    container = {"name": "trial", "image": image, "command": command or ["python", "train.py"]}
    container |= spec.pop("container", {})
    pod = {"containers": [container], "terminationGracePeriodSeconds": 1, **spec.pop("pod", {})}
    whole: Json = {
        "objective": {"metric": "acc", "direction": "Maximize"},
        "parameters": [{"name": "x", "float": {"min": 0, "max": 1}}],
        "algorithm": {"random": {}},
        "seed": 7,
        "template": {"spec": pod},
        **{
            key: on_claim(value) if isinstance(value, str) and key in _VOLUMES else value for key, value in spec.items()
        },
    }
    if not {"cmaes", "pso", "pbt", "grid"} & whole["algorithm"].keys():
        whole.setdefault("maxTrials", 2)
    kept = {key: value for key, value in whole.items() if value is not None}
    return {"apiVersion": API, "kind": "AutoSearchJob", "metadata": {"name": name}, "spec": kept}


_VOLUMES = ("code", "trainData", "testData", "output")


def on_claim(text: str) -> Json:
    """Give the volume field for `CLAIM` or `CLAIM/PATH`."""
    claim, _, path = text.partition("/")
    where = {"subPath": path} if path else {}
    return {"volume": {"persistentVolumeClaim": {"claimName": claim}}, **where}
