"""A queueing system over a search's pods, played as Kueue does it: gates, admission, preemption, finalizers."""

import threading
import time
from pathlib import Path
from typing import Self

import pytest
from tests.cluster.access import Json
from tests.cluster.jobs import Searches, a_job
from tests.cluster.player import Player, verdict_of
from tests.cluster.pods import condition
from tests.cluster.senders import PLAYED, in_thread, play
from tests.cluster.test_waits import progressing, running
from tests.cluster.webhooks import Webhook, patched

from autosearch.kubernetes.resources import PODS

QUEUE = "kueue.x-k8s.io/queue-name"
GATE = "kueue.x-k8s.io/admission"
MANAGED = "kueue.x-k8s.io/managed"


def queued(name: str, notes: dict[str, str] | None = None, *, gated: bool = True, **spec: object) -> Json:
    """Give a job of the queue `team`; its template holds the gate, unless Kueue's webhook is there to add it."""
    job = a_job(name, notes, **spec)
    job["metadata"]["labels"] = {QUEUE: "team", "kueue.x-k8s.io/priority-class": "high", "unrelated": "x"}
    if gated:
        job["spec"]["template"]["spec"]["schedulingGates"] = [{"name": GATE}]
    return job


def admit(cluster, pod: Json) -> None:
    """Remove a pod's gates."""
    cluster.request("PATCH", path_of(pod), {"spec": {"schedulingGates": None}})


def path_of(pod: Json) -> str:
    """Give a pod's path."""
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def gated_pods(cluster, searches: Searches, name: str, count: int) -> list[Json]:
    """Wait until so many of a job's pods are gated and give them."""

    def gated(found: Json) -> list[Json]:
        return [pod for pod in found["items"] if pod["spec"].get("schedulingGates")]

    path = f"/api/v1/namespaces/{searches.namespace}/pods?labelSelector=autosearch.dev/job={name}"
    return gated(cluster.wait_for(path, lambda found: len(gated(found)) == count))


class Watchman:
    """Looks at a job's pods all the time: no trial may ever have two that are alive.

    Attributes:
        most: the greatest number of live pods that a trial had.
    """

    def __init__(self, searches: Searches, name: str) -> None:
        self._searches, self._name = searches, name
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.most = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(30)

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            alive: dict[str, int] = {}
            for pod in self._searches.pods(self._name):
                if pod["status"]["phase"] not in {"Succeeded", "Failed"}:
                    trial = pod["metadata"]["labels"]["autosearch.dev/trial"]
                    alive[trial] = alive.get(trial, 0) + 1
            self.most = max(self.most, *alive.values(), 0)


def test_pods_wait_for_their_admission(cluster, searches: Searches) -> None:
    """The job's Kueue labels are on its pods, the wait names the queue, and admitted pods run as any others."""
    name = searches.apply(queued("gated", maxTrials=2, parallelTrials=2))
    pods = gated_pods(cluster, searches, name, 2)

    for pod in pods:
        labels = pod["metadata"]["labels"]
        assert (labels[QUEUE], labels["kueue.x-k8s.io/priority-class"]) == ("team", "high")
        assert "unrelated" not in labels
    progressing(searches, name, "0-0: Queued: waits for Kueue to admit it to the queue team", "0-1: Queued")
    assert running(searches, name)["reason"] == "Queued"
    admit(cluster, pods[0])
    progressing(searches, name, "0-1: Queued")
    admit(cluster, pods[1])
    done = searches.wait(name)
    assert done["status"]["state"] == "Complete" and done["status"]["trials"]["succeeded"] == 2


def test_a_gate_of_somebody_else(cluster, searches: Searches) -> None:
    """A gate of another system is named, and whose it is to remove it is said."""
    job = a_job("held", maxTrials=1)
    job["spec"]["template"]["spec"]["schedulingGates"] = [{"name": "example.com/quota"}]
    name = searches.apply(job)

    progressing(searches, name, "0-0: SchedulingGated: ", "`example.com/quota`")
    admit(cluster, gated_pods(cluster, searches, name, 1)[0])
    assert searches.wait(name)["status"]["state"] == "Complete"


@pytest.mark.parametrize("mark", ["TerminationTarget", "DisruptionTarget"])
def test_preemption_uses_no_retry(cluster, searches: Searches, mark: str) -> None:
    """A preempted pod is followed by the next attempt once it has ended: no retry is used, never two are alive."""
    attempts: list[str] = []

    async def script(player: Player, pod: Json) -> None:
        attempts.append(pod["metadata"]["labels"]["autosearch.dev/attempt"])
        pod = await player.start(pod)
        if len(attempts) > 2:
            await player.end(pod, verdict=verdict_of(pod, 0.5))
            return
        await player.patch(pod, {}, **{mark: "True"})
        await player.client.delete(PODS, pod["metadata"]["name"], player.namespace)

    name = searches.apply(queued("preempted", PLAYED, maxTrials=1, retries=0, gated=False))
    with Watchman(searches, name) as watchman:
        play(cluster, searches.namespace, script, lambda: searches.wait(name), stop_seconds=0.3)

    assert attempts == ["0-0", "0-0-r1", "0-0-r2"] and watchman.most == 1
    (trial,) = searches.trials(name)
    assert trial["status"]["state"] == "Succeeded" and trial["status"].get("failedAttempts", 0) == 0
    assert [attempt["reason"] for attempt in trial["status"]["attempts"]] == [mark, mark, "Reported"]


def test_gated_pods_that_are_taken_back(cluster, searches: Searches) -> None:
    """A pod that is deleted before it was admitted is replaced, at no cost."""
    name = searches.apply(queued("returned", maxTrials=1, retries=0))
    (first,) = gated_pods(cluster, searches, name, 1)
    cluster.request("DELETE", path_of(first))
    cluster.wait_gone(path_of(first))
    (second,) = gated_pods(cluster, searches, name, 1)
    admit(cluster, second)
    searches.wait(name)

    (trial,) = searches.trials(name)
    assert second["metadata"]["name"] == f"{first['metadata']['name']}-r1"
    assert trial["status"]["state"] == "Succeeded" and trial["status"].get("failedAttempts", 0) == 0


class Queue:
    """Kueue's webhook and controller for one namespace: each pod is gated and held by a finalizer."""

    def __init__(self, cluster, searches: Searches) -> None:
        self._cluster, self._searches = cluster, searches

    def mutate(self, request: Json) -> Json:
        """Add gate, label and finalizer to the pods of a queue, as Kueue's webhook does."""
        meta = request["object"]["metadata"]
        if QUEUE not in meta.get("labels", {}):
            return {"allowed": True}
        label = MANAGED.replace("/", "~1")
        return patched(
            {"op": "add", "path": "/spec/schedulingGates", "value": [{"name": GATE}]},
            {"op": "add", "path": f"/metadata/labels/{label}", "value": "true"},
            {"op": "add", "path": "/metadata/finalizers", "value": [MANAGED]},
        )

    def release(self, name: str) -> None:
        """Remove the finalizers of the pods that have ended."""
        for pod in self._searches.pods(name):
            if pod["status"]["phase"] in {"Succeeded", "Failed"} and pod["metadata"].get("finalizers"):
                self._cluster.request("PATCH", path_of(pod), {"metadata": {"finalizers": None}})


def test_kueues_webhook_and_finalizer(cluster, searches: Searches, tmp_path: Path) -> None:
    """Pods that Kueue's webhook gates, and whose objects its finalizer holds back after their end, stop nothing."""
    queue = Queue(cluster, searches)
    preempted = threading.Event()

    async def script(player: Player, pod: Json) -> None:
        pod = await player.start(pod)
        if not preempted.is_set():
            preempted.set()
            await player.patch(pod, {}, TerminationTarget="True")
            await player.client.delete(PODS, pod["metadata"]["name"], player.namespace)
            return
        await player.end(pod, verdict=verdict_of(pod, 0.5))

    def until_done() -> Json:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for pod in searches.pods(name):
                if pod["spec"].get("schedulingGates") and "deletionTimestamp" not in pod["metadata"]:
                    admit(cluster, pod)
            job = searches.get(name)
            if condition({"status": {}, **job}, "Finished").get("status") == "True":
                return job
            time.sleep(0.1)
        raise TimeoutError(f"{searches.get(name)['status']} {[pod['status'] for pod in searches.pods(name)]}")

    with Webhook(cluster, searches.namespace, tmp_path, queue.mutate, kind="Mutating"):
        name = searches.apply(queued("managed", PLAYED, gated=False, maxTrials=2, retries=0))
        with Watchman(searches, name) as watchman:
            done = play(cluster, searches.namespace, script, until_done, stop_seconds=0.2)
    held = [pod for pod in searches.pods(name) if pod["metadata"].get("finalizers")]
    queue.release(name)

    assert done["status"]["state"] == "Complete" and watchman.most == 1
    assert len(held) == 3, "the preempted pod is still there, Terminating, and so are the two that ended"
    first = searches.trials(name)[0]["status"]
    assert [attempt["reason"] for attempt in first["attempts"]] == ["TerminationTarget", "Reported"]
    assert first.get("failedAttempts", 0) == 0


def test_a_preempted_pods_result_counts(cluster, searches: Searches) -> None:
    """A script that reports while it is being preempted has succeeded: nothing is done twice."""

    async def script(player: Player, pod: Json) -> None:
        pod = await player.start(pod)
        await player.patch(pod, {}, TerminationTarget="True")
        await player.end(pod, verdict=verdict_of(pod, 0.5), exit_code=143)
        await in_thread(cluster.request, "DELETE", path_of(pod))

    name = searches.apply(queued("reported", PLAYED, gated=False, maxTrials=1, retries=0))
    play(cluster, searches.namespace, script, lambda: searches.wait(name))

    (trial,) = searches.trials(name)
    assert trial["status"]["state"] == "Succeeded" and len(trial["status"]["attempts"]) == 1
