"""Why pods wait, by their events: who is asked about, and when."""

import asyncio
from datetime import timedelta

import pytest
from tests.unit.kubernetes_samples import JOB_UID, NOW, job_body, pod_body

from autosearch.kubernetes.cache import Cache
from autosearch.kubernetes.client import ApiError
from autosearch.kubernetes.hints import Hints
from autosearch.kubernetes.resources import JOBS, PODS
from autosearch.kubernetes.view import Heard

MOUNT = {"type": "Warning", "reason": "FailedMount", "message": 'configmap "code" not found'}


class Client:
    """Gives events of pods; remembers whose were asked for."""

    def __init__(self, events):
        self.events = events
        self.asked = []

    async def list(self, resource, namespace, *, field_selector):
        self.asked.append(field_selector.partition("=")[2])
        if isinstance(self.events, Exception):
            raise self.events
        return self.events, "9"


class World:
    """Pods that wait on their nodes."""

    def __init__(self, count=1, events=(), **words):
        self.cache, self.heard, self.wanted = Cache(), Heard(), []
        self.cache.apply(JOBS, job_body())
        for number in range(count):
            self.cache.apply(PODS, pod_body(uid=f"pod-{number}", phase="Pending", **words))
        self.client = Client(list(events) if not isinstance(events, Exception) else events)
        self.hints = Hints(self.client, self.cache, self.heard, self.wanted.append, lambda: NOW)

    def look(self):
        asyncio.run(self.hints.look())


def test_what_an_event_says_is_heard_once():
    """A mount that fails is why the pod waits; the job looks again when that is news, and only then."""
    world = World(events=[MOUNT])
    world.look()
    world.look()

    assert world.heard.hints["pod-0"].startswith("ConfigMapNotFound: ")
    assert world.wanted == [JOB_UID]


def test_each_pod_has_its_turn():
    """However many pods wait for good, those of other jobs are asked about as well."""
    world = World(count=50)
    for _ in range(3):
        world.look()

    assert len(world.client.asked) == 60
    assert set(world.client.asked) == {f"pod-{number}" for number in range(50)}


def test_events_that_cannot_be_read_end_nothing():
    """A refusal of one pod's events leaves the others their turn."""
    world = World(count=3, events=ApiError(403, "Forbidden", "no"))
    world.look()

    assert sorted(world.client.asked) == ["pod-0", "pod-1", "pod-2"]
    assert world.heard.hints == {}


def test_pods_that_run_are_not_asked_about():
    """A pod that has started tells itself what there is to know."""
    world = World()
    world.cache.apply(PODS, pod_body(9, uid="pod-0"))
    world.look()

    assert world.client.asked == []


@pytest.mark.parametrize(("scheduled", "seconds", "word"), [("", 31, "NotScheduled"), ("", 29, ""), ("False", 31, "")])
def test_a_pod_that_no_scheduler_looks_at_says_so(scheduled, seconds, word):
    """A `schedulerName` that nobody answers to leaves neither condition nor event: after a while that is the reason."""
    world = World(count=0)
    pod = pod_body(uid="pod-1", phase="Pending")
    del pod["spec"]["nodeName"]
    pod["metadata"]["creationTimestamp"] = (NOW - timedelta(seconds=seconds)).isoformat()
    if scheduled:
        told = {"type": "PodScheduled", "status": scheduled, "reason": "Unschedulable", "message": "no node"}
        pod["status"]["conditions"] = [told]
    world.cache.apply(PODS, pod)
    world.look()

    assert world.client.asked == []
    assert world.heard.hints.get("pod-1", "").partition(":")[0] == word
    assert world.wanted == ([JOB_UID] if word else [])
