"""What events do: the cache learns, the job's key is queued, and the end of a pod is told once."""

import asyncio

import pytest
from tests.unit.kubernetes_samples import JOB_UID, TRIAL_UID, job_body, pod_body, trial_body

from autosearch.kubernetes.cache import Cache
from autosearch.kubernetes.event_source import EventSource, Plateau
from autosearch.kubernetes.resources import JOBS, PODS, TRIALS


class World:
    """An event source and what it has told."""

    def __init__(self):
        self.cache = Cache()
        self.wanted, self.seen, self.ended = [], [], []
        self.source = EventSource(
            self.cache, self.wanted.append, lambda body, gone: self.seen.append((body, gone)), self.ended.append
        )
        for resource, body in ((JOBS, job_body()), (TRIALS, trial_body()), (PODS, pod_body())):
            self.source.take(resource, None, body)
        self.wanted.clear()


def test_listed_and_changed_objects_wake_their_job():
    """Whatever the kind of event, the newest state counts; what changes nothing wakes nobody, but is an echo."""
    world = World()
    world.source.take(TRIALS, "MODIFIED", trial_body(5))
    world.source.take(TRIALS, "MODIFIED", trial_body(5))

    assert world.wanted == [JOB_UID]
    assert len(world.seen) == 5


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_the_end_of_a_pod_is_told_once(phase):
    """The hand-off to the next pod is counted from there; later events of the same pod are no second end."""
    world = World()
    for version in (5, 6, 7):
        world.source.take(PODS, "MODIFIED", pod_body(version, phase=phase))

    assert world.ended == [JOB_UID]


def test_a_pod_that_had_ended_before_we_looked_is_no_end():
    """After a restart old pods are listed; nothing was freed just now."""
    world = World()
    world.source.take(PODS, None, pod_body(3, uid="old", phase="Succeeded"))

    assert world.ended == []


def test_a_deleted_object_is_gone_and_its_last_state_kept():
    """The event of a deletion holds the last state, which may hold the result."""
    world = World()
    world.source.take(PODS, "DELETED", pod_body(9, phase="Succeeded"))
    world.source.take(TRIALS, "DELETED", trial_body(9))

    assert world.wanted == [JOB_UID, JOB_UID]
    assert world.cache.is_departed(TRIAL_UID)
    assert [pod["status"]["phase"] for pod in world.cache.pods("team", "demo")] == ["Succeeded"]


def test_the_end_of_the_watches_is_noted():
    """Kopf may wait for ever for its other watches after an error in one: its cleanup says that it is over."""
    source = World().source

    async def run():
        before = source.over.is_set()
        await source._stop()
        return before, source.over.is_set()

    assert asyncio.run(run()) == (False, True)


def test_network_errors_are_waited_out_for_minutes():
    """The pauses between tries may be read many times, and are finite: then the process starts anew."""
    pauses = Plateau()

    assert list(pauses) == list(pauses)
    assert 600 <= sum(pauses) < 900
