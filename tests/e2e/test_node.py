"""tools/cluster: a real one-node Kubernetes that runs pods, survives its parts' crashes, and leaves nothing behind."""

import os
import signal
from pathlib import Path

import pytest
from tests.e2e.footprint import footprint, left_behind
from tests.e2e.node_tool import Node, a_pod, image_archive

SLEEP = "import time; time.sleep(600)"
SERVE = "import http.server; http.server.test(http.server.SimpleHTTPRequestHandler, port=8000)"
ASK = """
import time, urllib.request
for _ in range(100):
    try:
        print(urllib.request.urlopen("http://web.default.svc.cluster.local", timeout=2).status)
        break
    except OSError:
        time.sleep(0.2)
"""


@pytest.fixture(scope="module")
def before():
    """What this machine looks like before the first cluster; not where another cluster is to be tested."""
    if os.environ.get("KUBECONFIG"):
        pytest.skip("KUBECONFIG names a cluster to test: tools/cluster, which makes one, is not tried beside it")
    return footprint()


@pytest.fixture(scope="module")
def node(before, tmp_path_factory):
    """A running cluster that has the python image."""
    running = Node(tmp_path_factory.mktemp("node") / "state")
    try:
        running.call("up")
        running.call("load-image", image_archive("python"))
        yield running
    finally:
        running.call("down")


def process_one(node):
    """Give the process id of the cluster's process 1."""
    return int(node.call("status").stdout.splitlines()[0].removeprefix("process 1: "))


def test_a_second_up_says_so(node):
    """`up` on a running cluster changes nothing and says that it is up."""
    first = process_one(node)

    again = node.call("up")

    assert "already up" in again.stderr
    assert process_one(node) == first


def test_a_pod_finds_a_service_by_its_name(node):
    """A pod runs, its name server knows the Service, and the Service's address leads to the other pod."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8000}]},
    }
    node.apply(service, a_pod("web", SERVE))

    assert node.run_pod("asks", ASK) == "200"


def test_commands_run_in_the_nodes_network(node):
    """`exec` gives a command the cluster's network and KUBECONFIG, and this machine's files; its exit code is kept."""
    reached = node.call("exec", "sh", "-c", "kubectl get --raw /readyz; pwd")

    assert reached.stdout == f"ok{Path.cwd()}\n"
    assert node.call("exec", "sh", "-c", "exit 7", check=False).returncode == 7


def test_no_more_pods_than_gpus(node):
    """With four of nvidia.com/gpu the fifth pod waits, says why, and starts when another one goes."""
    names = [f"gpu-{number}" for number in range(5)]
    for name in names:
        node.apply(a_pod(name, SLEEP, **{"nvidia.com_gpu": "1"}))

    node.wait(lambda: sum(node.phase(name) == "Running" for name in names) == 4, "four running pods")
    waiting = next(name for name in names if node.phase(name) == "Pending")
    condition = node.wait(lambda: node.get("pod", waiting)["status"].get("conditions"), "the scheduler's word")[0]
    assert (condition["type"], condition["reason"]) == ("PodScheduled", "Unschedulable")
    assert "Insufficient nvidia.com/gpu" in condition["message"]

    others = [name for name in names if name != waiting]
    node.kubectl("delete", "pod", others[0])
    node.wait(lambda: node.phase(waiting) == "Running", "the fifth pod")
    node.kubectl("delete", "pod", waiting, *others[1:])


@pytest.mark.parametrize("part", ["kubelet", "containerd", "kube-apiserver", "etcd"])
def test_pods_survive_a_crash_of(node, part):
    """While a part is killed and started again, a pod goes on in the same container, and new pods run after it."""
    name = f"survives-{part}"
    node.apply(a_pod(name, SLEEP))
    node.wait(lambda: node.phase(name) == "Running", "the running pod")
    box = node.get("pod", name)["status"]["containerStatuses"][0]

    node.call("kill", part)
    node.wait(lambda: f"{part}: not running" in node.call("status", check=False).stdout, f"the end of {part}")
    node.call("start", part)
    node.wait(lambda: node.call("status", check=False).returncode == 0, "a node that is ready")

    assert node.run_pod(f"after-{part}", "print('ran')") == "ran"
    now = node.get("pod", name)["status"]["containerStatuses"][0]
    assert (now["containerID"], now["restartCount"]) == (box["containerID"], 0)
    node.kubectl("delete", "pod", name)


def test_unknown_parts_and_archives_are_refused(node, tmp_path):
    """What does not exist is named, with what may be written instead."""
    (tmp_path / "text").write_text("no archive")

    part = node.call("kill", "kube-apiservr", check=False)
    archive = node.call("load-image", str(tmp_path / "text"), check=False)

    assert (part.returncode, archive.returncode) == (2, 2)
    assert "write one of containerd coredns etcd kube-apiserver" in part.stderr
    assert "found no OCI or Docker archive" in archive.stderr


def test_two_clusters_at_once(node, tmp_path):
    """A second state folder is a second cluster, with resources of its own; ending it leaves the first one alone."""
    other = Node(tmp_path / "other", CLUSTER_RESOURCES="nvidia.com/gpu=1,example.com/fpga=2")
    try:
        other.call("up")
        capacity = other.get("node", "node-1")["status"]["capacity"]
    finally:
        other.call("down")

    assert (capacity["nvidia.com/gpu"], capacity["example.com/fpga"]) == ("1", "2")
    assert node.call("status").returncode == 0
    assert not other.folder.exists()


def test_up_starts_afresh_after_the_death_of_process_1(tmp_path):
    """When process 1 is killed nothing of the cluster runs on, `up` makes a new one, and `down` removes that."""
    before = footprint()
    node = Node(tmp_path / "state")
    try:
        node.call("up")
        first = process_one(node)
        os.kill(first, signal.SIGKILL)
        node.wait(lambda: node.call("status", check=False).returncode == 1, "the end")
        node.call("up")
        assert process_one(node) != first
        group = node.group
    finally:
        node.call("down")
    assert left_behind(before, footprint(group)) == {}


def test_nothing_is_left_behind(before, node):
    """After `down`, which may be said twice, this machine is as it was before `up`."""
    group = node.group
    assert footprint(group)["processes"]
    node.call("down")
    node.call("down")

    assert left_behind(before, footprint(group)) == {}
    assert not node.folder.exists()
    assert "nothing is up" in node.call("status", check=False).stderr
