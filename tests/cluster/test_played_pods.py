"""What plays the pods in the cluster tests, stages and player, does what kubelets do."""

import asyncio
import time

import pytest
from tests.cluster.commands import GPUS
from tests.cluster.player import Player, verdict_of
from tests.cluster.pods import a_pod, condition, path_of, run_pod, trial_state, verdict, wait_pod

from autosearch.reporting.messages import FinalReport


def test_a_pod_reports_what_its_parameter_says(cluster, namespace):
    """A pod ends Succeeded, and the sidecar's message is a final report whose value is that of the parameter x."""
    pod = run_pod(cluster, namespace, a_pod("one", attempt="3-1", x=1.25e-05))

    found = verdict(pod)
    report = FinalReport.from_dict(found.report)
    assert pod["status"]["phase"] == "Succeeded"
    assert report == FinalReport(1.25e-05, {"acc": 1.25e-05}, "iris-1a2b3c4d/3-1", "iris-1a2b3c4d/3-1/model.pkl")
    assert abs(found.reported - time.time()) < 60


@pytest.mark.parametrize(
    ("outcome", "code", "reason"),
    [("noreport", 0, "Completed"), ("fail", 1, "Error"), ("diverged", 0, "Completed"), ("oom", 137, "OOMKilled")],
)
def test_pods_that_fail(cluster, namespace, outcome, code, reason):
    """A pod ends as its annotation says, without a report."""
    pod = run_pod(cluster, namespace, a_pod("one", outcome=outcome))

    ended = trial_state(pod)["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (code, reason)
    assert verdict(pod).report is None
    assert verdict(pod).diverged == (outcome == "diverged")
    assert ("ValueError" in ended.get("message", "")) == (outcome == "fail")


def test_an_evicted_pod(cluster, namespace):
    """An eviction is told as the kubelet tells it: the pod's reason and the condition DisruptionTarget."""
    pod = run_pod(cluster, namespace, a_pod("one", outcome="evict"))

    assert (pod["status"]["phase"], pod["status"]["reason"]) == ("Failed", "Evicted")
    assert condition(pod, "DisruptionTarget")["reason"] == "TerminationByKubelet"


def test_one_attempt_differs(cluster, namespace):
    """An annotation with an attempt's id is for that attempt alone."""
    notes = {"outcome-0-1": "fail", "exit-code-0-1": "3", "value-0-1-r1": "0.75"}

    first = run_pod(cluster, namespace, a_pod("first", attempt="0-1", **notes))
    second = run_pod(cluster, namespace, a_pod("second", attempt="0-1-r1", **notes))

    assert trial_state(first)["terminated"]["exitCode"] == 3
    assert verdict(second).report["value"] == 0.75


@pytest.mark.parametrize(
    ("outcome", "reason"), [("imagepull", "ImagePullBackOff"), ("configerror", "CreateContainerConfigError")]
)
def test_pods_that_cannot_start(cluster, namespace, outcome, reason):
    """A pod that cannot start stays Pending and its container says why."""
    pod = wait_pod(cluster, namespace, a_pod("one", outcome=outcome), trial_state)

    assert pod["status"]["phase"] == "Pending"
    assert trial_state(pod)["waiting"]["reason"] == reason


def test_a_failed_mount_is_an_event(cluster, namespace):
    """What only an event tells is told by an event."""
    wait_pod(cluster, namespace, a_pod("one", outcome="mount"), trial_state)

    path = f"/api/v1/namespaces/{namespace}/events?fieldSelector=reason%3DFailedMount"
    events = cluster.wait_for(path, lambda found: found["items"])

    assert events["items"][0]["involvedObject"]["name"] == "one"
    assert "configmap" in events["items"][0]["message"]


def test_a_pod_without_a_node(cluster, namespace):
    """The real scheduler says why a pod has no node; deleted, it goes at once."""
    pod = a_pod("one", gpus=GPUS + 1)

    found = wait_pod(cluster, namespace, pod, lambda each: condition(each, "PodScheduled"))
    cluster.request("DELETE", path_of(namespace, pod))

    assert condition(found, "PodScheduled")["reason"] == "Unschedulable"
    assert "2 Insufficient nvidia.com/gpu" in condition(found, "PodScheduled")["message"]
    cluster.wait_gone(path_of(namespace, pod))


@pytest.mark.parametrize("outcome", ["hang", "report"])
def test_a_deleted_pod(cluster, namespace, outcome):
    """A deleted pod is Terminating until its containers have ended, may report until then, and goes."""
    notes = {"outcome": outcome, "run-milliseconds": "600000", "stop-milliseconds": "500", "on-delete": "report"}
    pod = a_pod("one", **notes)
    pod["metadata"]["finalizers"] = ["test.autosearch.dev/look"]
    wait_pod(cluster, namespace, pod, lambda found: found["status"]["phase"] == "Running")

    terminating = cluster.request("DELETE", path_of(namespace, pod))
    ended = cluster.wait_for(path_of(namespace, pod), lambda found: found["status"]["phase"] != "Running")
    cluster.request("PATCH", path_of(namespace, pod), {"metadata": {"finalizers": None}})

    assert "deletionTimestamp" in terminating["metadata"] and terminating["status"]["phase"] == "Running"
    assert (ended["status"]["phase"], trial_state(ended)["terminated"]["exitCode"]) == ("Failed", 143)
    assert verdict(ended).report["value"] == 0.25
    cluster.wait_gone(path_of(namespace, pod))


def test_pods_have_logs(cluster, namespace):
    """What containers log can be read through the API server, as from a real node."""
    run_pod(cluster, namespace, a_pod("one"))

    cluster.write_pod_log("epoch 1\nepoch 2\n")

    assert cluster.kubectl("logs", "one", "-c", "trial", namespace=namespace).stdout == "epoch 1\nepoch 2\n"
    assert cluster.kubectl("logs", "one", "-c", "trial", "--tail=1", namespace=namespace).stdout == "epoch 2\n"


def test_a_pod_taken_away(cluster, namespace):
    """A pod may vanish while it runs, without grace."""
    pod = a_pod("one", outcome="gone", run_milliseconds="200")
    pod["metadata"]["finalizers"] = ["test.autosearch.dev/look"]

    deleted = wait_pod(cluster, namespace, pod, lambda found: "deletionTimestamp" in found["metadata"])
    cluster.request("PATCH", path_of(namespace, pod), {"metadata": {"finalizers": None}})

    assert deleted["metadata"]["deletionGracePeriodSeconds"] == 0
    assert deleted["status"]["startTime"]
    cluster.wait_gone(path_of(namespace, pod))


def test_the_player_plays_by_a_script(cluster, namespace):
    """A script decides when a pod starts, reports and ends; kwok leaves such pods alone; a deleted one goes."""
    reported = a_pod("reported", player="yes")
    deleted = a_pod("deleted", player="yes")

    async def script(player, pod):
        running = await player.start(pod)
        if pod["metadata"]["name"] == "reported":
            await player.end(running, verdict=verdict_of(pod, 0.5), exit_code=7)

    async def play():
        async with cluster.client() as client:
            task = asyncio.create_task(Player(client, namespace).run(script))
            found = await asyncio.to_thread(run_pod, cluster, namespace, reported)
            running = lambda pod: pod["status"]["phase"] == "Running"  # noqa: E731 - one use
            await asyncio.to_thread(wait_pod, cluster, namespace, deleted, running)
            await Player(client, namespace).take_back("deleted")
            await asyncio.to_thread(cluster.wait_gone, path_of(namespace, deleted))
            task.cancel()
            return found

    found = asyncio.run(play())

    assert (found["status"]["phase"], trial_state(found)["terminated"]["exitCode"]) == ("Failed", 7)
    assert verdict(found).report["value"] == 0.5


def test_gated_pods_wait(cluster, namespace):
    """A pod with a scheduling gate waits for whoever put it there, as it would for Kueue."""
    pod = a_pod("one")
    pod["spec"]["schedulingGates"] = [{"name": "kueue.x-k8s.io/admission"}]

    gated = wait_pod(cluster, namespace, pod, lambda found: condition(found, "PodScheduled"))

    async def admit():
        async with cluster.client() as client:
            await Player(client, namespace).ungate("one")

    asyncio.run(admit())
    ended = cluster.wait_for(path_of(namespace, pod), lambda found: found["status"]["phase"] == "Succeeded")
    assert condition(gated, "PodScheduled")["reason"] == "SchedulingGated"
    assert verdict(ended).report["value"] == 0.25
