"""The control plane that the cluster tests stand on: it comes up, bears faults, and nothing of it is left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.cluster.access import RequestError
from tests.cluster.commands import GPUS
from tests.cluster.control_plane import NODES, ControlPlane, StartError
from tests.cluster.pods import a_pod, path_of, run_pod, wait_pod
from tests.cluster.processes import MemoryFolder

ROOT = Path(__file__).parents[2]
SLEEPER = """
import json, os, time
def test_sleeps(cluster):
    pids = {name: part.pid for name, part in cluster.parts.items()}
    found = {"pids": pids, "port": cluster.port, "memory": str(cluster.memory.path), "pytest": os.getpid()}
    with open(os.environ["FOUND"] + ".part", "w") as file:
        json.dump(found, file)
    os.rename(os.environ["FOUND"] + ".part", os.environ["FOUND"])
    time.sleep(600)
"""


def is_gone(pid):
    """Say whether a process has ended, reaped or not."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() == b""
    except OSError:
        return True


def is_closed(port):
    """Say whether nobody listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def until(done, seconds=20):
    """Say whether something comes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if done():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
def test_nothing_outlives_pytest(binaries, tmp_path, number):
    """However a pytest process ends, its control plane does too: processes, port and, at the latest next time, data."""
    (tmp_path / "test_sleeper.py").write_text(SLEEPER)
    found = tmp_path / "found.json"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.cluster.conftest", "-p", "no:cacheprovider"]
    command += [f"--rootdir={tmp_path}", f"--basetemp={tmp_path / 'base'}", str(tmp_path / "test_sleeper.py")]
    environment = {**os.environ, "FOUND": str(found), "PYTHONPATH": f"{ROOT}:{ROOT / 'operator'}"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert until(lambda: found.exists() or process.poll() is not None, 60)
    assert found.exists(), process.communicate()[0].decode()
    left = json.loads(found.read_text())
    assert len(left["pids"]) == 5 and not is_closed(left["port"])

    process.send_signal(number)
    process.communicate(timeout=30)

    assert until(lambda: all(is_gone(pid) for pid in left["pids"].values()) and is_closed(left["port"]))
    MemoryFolder().close()
    assert not Path(left["memory"]).exists()


def test_a_failed_start_shows_the_log(binaries, tmp_path):
    """A program that cannot start ends everything at once, and the error holds what it said."""
    control_plane = ControlPlane(binaries, tmp_path)
    control_plane.parts["kube-apiserver"].command.append("--no-such-flag")

    with pytest.raises(StartError, match="unknown flag: --no-such-flag"):
        control_plane.start()

    assert not any(part.running for part in control_plane.parts.values())
    assert not control_plane.memory.path.exists()


def test_kubectl_and_rights(cluster, namespace):
    """The administrator may do all, a plain user nothing until it is granted, each by a kubeconfig of its own."""
    config = cluster.user_kubeconfig(cluster.tokens["alice"], namespace)

    refused = cluster.kubectl("get", "pods", kubeconfig=config, check=False)
    cluster.kubectl("create", "rolebinding", "view", "--clusterrole=view", "--user=alice", namespace=namespace)
    granted = cluster.kubectl("get", "pods", kubeconfig=config)

    assert 'pods is forbidden: User "alice"' in refused.stderr
    assert granted.stderr.strip() == f"No resources found in {namespace} namespace."
    assert "v1.37" in cluster.kubectl("version").stdout


def test_nodes_have_gpus(cluster):
    """There are two ready nodes, each with the GPUs that tests count on."""
    nodes = cluster.request("GET", "/api/v1/nodes")["items"]

    assert sorted(node["metadata"]["name"] for node in nodes) == sorted(NODES)
    assert {node["status"]["allocatable"]["nvidia.com/gpu"] for node in nodes} == {str(GPUS)}


def test_requests_of_accounts_are_written_down(cluster, namespace):
    """What a service account asked of the API server, and whether it might, is there afterwards."""
    token = cluster.account_token(namespace, "default")
    with pytest.raises(RequestError):
        cluster.request("GET", f"/api/v1/namespaces/{namespace}/pods", token=token)

    user = f"system:serviceaccount:{namespace}:default"
    assert until(lambda: cluster.audit(user))
    events = cluster.audit(user)

    assert [(event["verb"], event["objectRef"]["resource"]) for event in events] == [("list", "pods")]
    assert events[0]["responseStatus"]["code"] == 403


def test_the_api_server_comes_back(cluster, namespace):
    """After a crash of the API server everything that was there is there, and pods go on being played."""
    before = run_pod(cluster, namespace, a_pod("before"))

    cluster.restart_api_server()
    after = run_pod(cluster, namespace, a_pod("after"), 60)

    kept = cluster.request("GET", path_of(namespace, before))
    assert kept["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["status"]["phase"] == "Succeeded"


def test_a_frozen_api_server(cluster, namespace):
    """A frozen API server keeps its connections and does not answer; thawed, it does."""
    part = cluster.parts["kube-apiserver"]
    part.freeze()
    try:
        with socket.create_connection(("127.0.0.1", cluster.port), 1) as connection:
            connection.settimeout(0.3)
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with pytest.raises(TimeoutError):
                connection.recv(1)
    finally:
        part.thaw()

    assert cluster.exists(f"/api/v1/namespaces/{namespace}")


def test_account_tokens_are_bound_to_pods(cluster, namespace):
    """A token for our audience is the pod's own, and is refused where another audience is asked for."""
    pod = wait_pod(cluster, namespace, a_pod("one", outcome="hang"), lambda found: found["spec"].get("nodeName"))

    token = cluster.account_token(namespace, "default", audience="autosearch.dev", pod=pod)
    reviews = [review(cluster, token, audience) for audience in ("autosearch.dev", "other")]

    assert reviews[0]["user"]["extra"]["authentication.kubernetes.io/pod-uid"] == [pod["metadata"]["uid"]]
    assert not reviews[1].get("authenticated")
    with pytest.raises(RequestError):
        cluster.request("GET", "/api/v1/nodes", token=token)


def review(cluster, token, audience):
    """Give what the API server says about a token."""
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token, "audiences": [audience]},
    }
    return cluster.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", body)["status"]
