"""A claim of the cluster under test, and what is on it.

Owns: the pod that reads it. Where the cluster is tools/cluster's, files are read where that keeps them on this machine.
"""

import io
import os
import secrets
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from tests.e2e.cluster_access import Access, wait_until

Json = dict[str, Any]
STORAGE_CLASS = os.environ.get("STORAGE_CLASS", "")
ACCESS_MODE = os.environ.get("ACCESS_MODE", "ReadWriteMany")
_POD = "volume-reader"


def folder_on_node(namespace: str, name: str) -> str:
    """Give the folder of the node that is behind a claim."""
    return f"/var/tmp/{namespace}/{name}"  # noqa: S108 - of the node, in a folder of our own


def a_claim(namespace: str, name: str) -> list[Json]:
    """Give a claim, and the volume that it is bound to where no storage class makes one."""
    spec: Json = {"accessModes": [ACCESS_MODE], "resources": {"requests": {"storage": "1Gi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}
    if STORAGE_CLASS:
        spec["storageClassName"] = STORAGE_CLASS
        return [claim]
    volume = f"{namespace}-{name}"
    spec |= {"storageClassName": "", "volumeName": volume}
    held = {
        "accessModes": [ACCESS_MODE],
        "capacity": {"storage": "1Gi"},
        "storageClassName": "",
        "claimRef": {"namespace": namespace, "name": name},
        "hostPath": {"path": folder_on_node(namespace, name), "type": "DirectoryOrCreate"},
    }
    meta = {"name": volume, "labels": {"e2e": namespace}}
    return [{"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta, "spec": held}, claim]


def own_node(kubeconfig: str) -> Path | None:
    """Give the state folder of tools/cluster, if the cluster is one that it made on this machine."""
    folder = Path(kubeconfig).parent
    return folder if (folder / "init.pid").exists() and (folder / "node" / "upper").exists() else None


class Volume:
    """The claim `name` of a namespace."""

    def __init__(self, access: Access, namespace: str, name: str, image: str) -> None:
        self._access = access
        self._namespace = namespace
        self._name = name
        self._image = image
        self._there = False

    def files(self, path: str) -> dict[str, bytes]:
        """Read all files below a path, by their paths from there; none where there is no such folder."""
        state = None if STORAGE_CLASS else own_node(self._access.kubeconfig)
        if state is None:
            return self._packed(path)
        top = state / "node" / "upper" / folder_on_node(self._namespace, self._name)[1:] / path
        return {str(file.relative_to(top)): file.read_bytes() for file in sorted(top.rglob("*")) if file.is_file()}

    def shell(self, script: str) -> str:
        """Run a script as root in a pod that has the claim at /volume; gives what it printed."""
        return self._exec(script).decode().strip()

    def python(self, code: str, image: str) -> str:
        """Run Python code as root in a pod of another image that has the claim at /volume; gives what it printed."""
        name = f"looks-{secrets.token_hex(3)}"
        pod = self._pod()
        pod["metadata"]["name"] = name
        pod["spec"]["containers"][0] |= {"image": image, "command": ["python", "-c", code]}
        self._access.apply(pod, namespace=self._namespace)
        path = f"/api/v1/namespaces/{self._namespace}/pods/{name}"
        ended = ("Succeeded", "Failed")
        wait_until(lambda: self._access.get(path)["status"].get("phase") in ended, f"end of the pod {name}")
        printed = self._access.kubectl("-n", self._namespace, "logs", name)
        assert self._access.get(path)["status"]["phase"] == "Succeeded", printed
        return printed

    def _packed(self, path: str) -> dict[str, bytes]:
        packed = self._exec(f"cd '/volume/{path}' 2>/dev/null && exec tar -cf - . || exec tar -cf - -T /dev/null")
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            members = [member for member in archive.getmembers() if member.isfile()]
            return {member.name.removeprefix("./"): archive.extractfile(member).read() for member in members}

    def _exec(self, script: str) -> bytes:
        if not self._there:
            self._access.apply(self._pod(), namespace=self._namespace)
            words = ("wait", "--for=condition=Ready", f"pod/{_POD}", "--timeout=120s")
            self._access.kubectl("-n", self._namespace, *words)
            self._there = True
        command = ["kubectl", "-n", self._namespace, "exec", _POD, "--", "sh", "-c", script]
        environment = {**os.environ, "KUBECONFIG": self._access.kubeconfig}
        done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=120)
        assert done.returncode == 0, f"{script}: {done.returncode} {done.stderr.decode()}"
        return done.stdout

    def _pod(self) -> Json:
        container = {
            "name": "main",
            "image": self._image,
            "command": ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1000 & wait; done"],
            "volumeMounts": [{"name": "results", "mountPath": "/volume"}],
        }
        spec = {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsUser": 0},
            "containers": [container],
            "volumes": [{"name": "results", "persistentVolumeClaim": {"claimName": self._name}}],
        }
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": _POD}, "spec": spec}
