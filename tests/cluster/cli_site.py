"""One namespace as a user of the command line has it: a job file, a folder of code, and what an operator would write.

Owns: the job that the tests of the command line submit, and the statuses of it.
"""

import copy
from pathlib import Path

import yaml
from tests.cluster.access import Access

from autosearch.cli import main

GROUP = "/apis/autosearch.dev/v1alpha1/namespaces"
NOW = "2026-03-02T09:00:00.000000Z"
JOB = {
    "apiVersion": "autosearch.dev/v1alpha1",
    "kind": "AutoSearchJob",
    "metadata": {"name": "iris"},
    "spec": {
        "objective": {"metric": "acc", "direction": "Maximize"},
        "parameters": [{"name": "C", "float": {"min": 0.001, "max": 1000, "scale": "Log"}}],
        "algorithm": {"random": {}},
        "maxTrials": 2,
        "template": {
            "spec": {"containers": [{"name": "trial", "image": "my/sklearn:1", "command": ["python", "train.py"]}]}
        },
    },
}


class Site:
    """One namespace, the job file in a folder, and the command line pointed at both."""

    def __init__(self, cluster: Access, namespace: str, folder: Path) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.folder = folder
        self.job = copy.deepcopy(JOB)
        self.kubeconfig = cluster.user_kubeconfig(cluster.admin_token, namespace)
        self.code = folder / "code"
        (self.code / "model").mkdir(parents=True)
        (self.code / "train.py").write_text("import model.net\n")
        (self.code / "model" / "net.py").write_text("layers = 3\n")
        (self.code / "model" / "start.bin").write_bytes(b"\xff\x00")

    def call(self, *words: str) -> int:
        """Run a command against this namespace."""
        return main([*words, "--kubeconfig", str(self.kubeconfig)])

    def submit(self, *words: str, **spec) -> int:
        """Submit the job file with changed fields of the spec."""
        self.job["spec"].update(spec)
        file = self.folder / "job.yaml"
        file.write_text(yaml.safe_dump(self.job))
        return self.call("submit", "-f", str(file), *words)

    def path(self, plural: str, name: str = "", subresource: str = "") -> str:
        """Give the path of one of our objects."""
        return "/".join(part for part in (GROUP, self.namespace, plural, name, subresource) if part)

    def found(self, name: str = "iris"):
        """Read a job."""
        return self.cluster.request("GET", self.path("autosearchjobs", name))

    def maps(self):
        """Read the ConfigMaps of code."""
        listed = self.cluster.request("GET", f"/api/v1/namespaces/{self.namespace}/configmaps")
        return [item for item in listed["items"] if "-code-" in item["metadata"]["name"]]

    def set_status(self, name: str = "iris", **status) -> None:
        """Write a job's status as an operator does."""
        self.cluster.request("PATCH", self.path("autosearchjobs", name, "status"), {"status": status})

    def add_trial(self, number: int, **status) -> str:
        """Create a trial as an operator does, and write its status; gives its name."""
        meta = self.found()["metadata"]
        name = f"iris-{meta['uid'][:8]}-0-{number}"
        if not self.cluster.exists(self.path("trials", name)):
            owner = {"apiVersion": JOB["apiVersion"], "kind": "AutoSearchJob", "name": "iris", "uid": meta["uid"]}
            body = {
                "apiVersion": JOB["apiVersion"],
                "kind": "Trial",
                "metadata": {"name": name, "labels": {"autosearch.dev/job": "iris"}, "ownerReferences": [owner]},
                "spec": {
                    "jobName": "iris",
                    "number": number,
                    "trialId": f"0-{number}",
                    "member": number,
                    "parameters": {"C": 1.0},
                    "sampler": "random",
                },
            }
            self.cluster.request("POST", self.path("trials"), body)
        self.cluster.request("PATCH", self.path("trials", name, "status"), {"status": status})
        return name

    def finish(self, kind: str = "Complete", reason: str = "AllTrialsFinished", message: str = "") -> None:
        """Write the status of a job that has ended."""
        conditions = [a_condition(kind, reason=reason, message=message), a_condition("Finished", reason=reason)]
        self.set_status(state=kind, conditions=conditions, completionTime=NOW)


def a_condition(kind: str, status: str = "True", reason: str = "Because", message: str = ""):
    """Make a condition."""
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": NOW}


def succeeded(value: float):
    """Make the status of a trial that has succeeded."""
    run = {"id": "0-0", "reason": "Reported", "startTime": NOW, "endTime": "2026-03-02T09:00:12.000000Z"}
    return {
        "state": "Succeeded",
        "value": value,
        "attempts": [run],
        "attemptCount": 1,
        "startTime": NOW,
        "completionTime": run["endTime"],
        "conditions": [a_condition("Complete", reason="Reported")],
    }
