"""`autosearch push` and `pull` through real pods and real mounts, on the cluster that KUBECONFIG names.

The cluster has AutoSearch's CRDs. TOOLS_IMAGE is an image that it can run, with sh, tar and sha256sum; STORAGE_CLASS
provisions the claim, and without one it is a folder of the node, which belongs to root as most fresh volumes do.
"""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kubernetes import client, config

from autosearch.kubernetes.access import Where, open_cluster
from autosearch.kubernetes.transfer_pod import CONTAINER, MOUNT, Mounted, running_pod

ROOT = Path(__file__).parents[2]
IMAGE = os.environ.get("TOOLS_IMAGE", "python:3.12-slim")
GROUP = {"group": "autosearch.dev", "version": "v1alpha1"}
LARGE = 200_000_000


class Site:
    """A namespace with a claim `data`, of which `team` is the output of the job `mnist`."""

    def __init__(self, kubeconfig: str) -> None:
        config.load_kube_config(kubeconfig)
        self.kubeconfig = kubeconfig
        self.core, self.custom = client.CoreV1Api(), client.CustomObjectsApi()
        self.namespace = f"transfer-{secrets.token_hex(3)}"
        self.core.create_namespace({"metadata": {"name": self.namespace}})
        self._make_claim(os.environ.get("STORAGE_CLASS"))

    def _make_claim(self, storage_class) -> None:
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        if storage_class:
            spec["storageClassName"] = storage_class
        else:
            spec |= {"storageClassName": "", "volumeName": self.namespace}
            held = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "storageClassName": ""}
            held["hostPath"] = {"path": f"/var/tmp/{self.namespace}", "type": "DirectoryOrCreate"}  # noqa: S108 - of the node
            self.core.create_persistent_volume({"metadata": {"name": self.namespace}, "spec": held})
        body = {"metadata": {"name": "data"}, "spec": spec}
        self.core.create_namespaced_persistent_volume_claim(self.namespace, body)

    def close(self) -> None:
        """Remove all of it."""
        self.run("rm -rf /transfer/* /transfer/.[!.]*")
        self.core.delete_namespace(self.namespace)
        if not os.environ.get("STORAGE_CLASS"):
            self.core.delete_persistent_volume(self.namespace)

    def words(self, *words) -> list[str]:
        """Give a command as a user writes it."""
        place = ["--kubeconfig", self.kubeconfig, "-n", self.namespace]
        return [sys.executable, "-m", "autosearch", *map(str, words), *place]

    def call(self, *words) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(self.words(*words), capture_output=True, text=True, check=False, timeout=300)

    def run(self, script: str) -> str:
        """Run a script in a pod that has the claim, as root, and give what it prints."""
        volume = {"persistentVolumeClaim": {"claimName": "data"}}
        given = Mounted(volume, "", False, IMAGE, {}, {"runAsUser": 0})

        async def printed():
            async with (
                open_cluster(Where(self.namespace, None, self.kubeconfig)) as cluster,
                running_pod(cluster, given, longest_wait=120, note=print) as pod,
                cluster.command(pod, CONTAINER, ["sh", "-c", script.replace("/transfer", MOUNT)]) as command,
            ):
                return b"".join([chunk async for chunk in command.chunks()]).decode()

        return asyncio.run(printed())

    def pods(self) -> list[str]:
        """Give the names of the pods that are there and not being removed."""
        found = self.core.list_namespaced_pod(self.namespace).items
        return [pod.metadata.name for pod in found if pod.metadata.deletion_timestamp is None]

    def add_search(self) -> str:
        """Make the job `mnist`, which no operator runs, with one trial that has a model; gives its folder."""
        container = {"name": "trial", "image": IMAGE, "command": ["true"]}
        output = {"volume": {"persistentVolumeClaim": {"claimName": "data"}}, "subPath": "team"}
        spec = {
            "objective": {"metric": "acc", "direction": "Maximize"},
            "parameters": [{"name": "x", "float": {"min": 0, "max": 1}}],
            "maxTrials": 1,
            "managedBy": "test.autosearch.dev/nobody",
            "output": output,
            "template": {"spec": {"containers": [container]}},
        }
        kind = {"apiVersion": "autosearch.dev/v1alpha1", "kind": "AutoSearchJob"}
        body = {**kind, "metadata": {"name": "mnist"}, "spec": spec}
        jobs, trials = {**GROUP, "plural": "autosearchjobs"}, {**GROUP, "plural": "trials"}
        job = self.custom.create_namespaced_custom_object(**jobs, namespace=self.namespace, body=body)
        uid = job["metadata"]["uid"]
        path, name = f"mnist-{uid[:8]}/0-0", f"mnist-{uid[:8]}-0-0"
        owner = {**kind, "name": "mnist", "uid": uid}
        meta = {"name": name, "labels": {"autosearch.dev/job": "mnist"}, "ownerReferences": [owner]}
        trial = {"jobName": "mnist", "number": 0, "trialId": "0-0", "parameters": {"x": 0.5}, "sampler": "random"}
        body = {"apiVersion": kind["apiVersion"], "kind": "Trial", "metadata": meta, "spec": {**trial, "member": 0}}
        self.custom.create_namespaced_custom_object(**trials, namespace=self.namespace, body=body)
        best = {"best": {"trialName": name, "value": 0.5, "parameters": {"x": 0.5}}}
        done = {"state": "Succeeded", "value": 0.5, "modelPath": path}
        for plural, known, status in ((trials, name, done), (jobs, "mnist", best)):
            self.custom.patch_namespaced_custom_object_status(
                **plural, namespace=self.namespace, name=known, body={"status": status}
            )
        return f"team/{path}"


@pytest.fixture(scope="module")
def site(installed):
    """A namespace of the cluster's; without a cluster all is skipped, and fails under CI=true."""
    kubeconfig = os.environ.get("KUBECONFIG", "")
    if not kubeconfig:
        why = "KUBECONFIG names no cluster: push and pull are NOT tested with real pods"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    made = Site(kubeconfig)
    yield made
    made.close()


@pytest.fixture
def source(tmp_path):
    """A folder of some size."""
    folder = tmp_path / "source"
    (folder / "deep" / "empty").mkdir(parents=True)
    (folder / "model.pkl").write_bytes(os.urandom(20_000_000))
    (folder / "deep" / "ü.txt").write_text("a name that is not ASCII")
    return folder


def contents(folder):
    """Give all files below a folder, and empty folders."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def test_what_is_pushed_can_be_pulled(site, source, tmp_path):
    """A folder goes to the claim as a model does, and comes back as the best trial's model, byte by byte."""
    path = site.add_search()
    pushed = site.call("push", source, f"pvc://data/{path}", "--image", IMAGE)
    assert pushed.returncode == 0, pushed.stderr
    assert "each one's sum compared" in pushed.stdout

    pulled = site.call("pull", "mnist", tmp_path / "model")
    assert pulled.returncode == 0, pulled.stderr
    assert contents(tmp_path / "model") == contents(source)
    assert site.pods() == []


def test_an_interrupted_push_leaves_nothing(site, tmp_path):
    """After Ctrl-C in the middle of a large file there is no folder, no rest of one, and no pod."""
    (tmp_path / "large").mkdir()
    with (tmp_path / "large" / "file").open("wb") as file:
        file.truncate(LARGE)
    words = site.words("push", tmp_path / "large", "pvc://data/interrupted/large", "--image", IMAGE)
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "sent" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert process.returncode == 130
    assert site.pods() == []
    assert site.run("ls -A /transfer/interrupted") == ""


def test_a_killed_push_cleans_up_after_itself(site, tmp_path):
    """Where this end is killed, the far end removes what has arrived, and its pod ends by itself."""
    (tmp_path / "large").mkdir()
    with (tmp_path / "large" / "file").open("wb") as file:
        file.truncate(LARGE)
    process = subprocess.Popen(
        site.words("push", tmp_path / "large", "pvc://data/killed/large", "--image", IMAGE),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "sent" not in process.stderr.readline():
        assert process.poll() is None
    process.kill()
    process.communicate(timeout=60)

    [left] = site.pods()
    deadline = time.monotonic() + 120
    while (phase := site.core.read_namespaced_pod(left, site.namespace).status.phase) == "Running":
        assert time.monotonic() < deadline, phase
        time.sleep(2)
    assert phase == "Succeeded"
    site.core.delete_namespaced_pod(left, site.namespace)
    assert site.run("ls -A /transfer/killed") == ""


def test_an_image_that_is_not_to_be_had_is_told(site, source):
    """The sentence says what the kubelet says, and what to do."""
    done = site.call("push", source, "pvc://data/x", "--image", "registry.invalid/none:1")

    assert done.returncode == 1
    assert "ImagePullBackOff" in done.stderr
    assert "with --image" in done.stderr
    assert site.pods() == []


def test_a_folder_is_replaced_only_when_asked_for(site, source):
    """The second push of a name is refused; with --replace the new folder is there, and nothing of the old one."""
    assert site.call("push", source, "pvc://data/twice", "--image", IMAGE).returncode == 0
    refused = site.call("push", source, "pvc://data/twice", "--image", IMAGE)
    assert refused.returncode == 2
    assert "--replace" in refused.stderr
    assert site.call("push", source / "deep", "pvc://data/twice", "--image", IMAGE, "--replace").returncode == 0
    assert site.run("ls -A /transfer/twice").split() == ["empty", "ü.txt"]
