"""Two proofs that the watches are alive: echoes of our own writes, and the sweep for what they have lost."""

import asyncio

import pytest
from tests.unit.kubernetes_samples import JOB_UID, TRIAL_NAME, TRIAL_UID, job_body, pod_body, trial_body

from autosearch.kubernetes.cache import Cache
from autosearch.kubernetes.client import ApiError
from autosearch.kubernetes.resources import JOBS, PODS, TRIALS
from autosearch.kubernetes.sight import Echoes, Sweep


def written(uid: str = "a", version: int = 1) -> dict:
    """Give as much of an object as echoes read."""
    return {"metadata": {"uid": uid, "resourceVersion": str(version)}}


class Clock:
    """A clock that the test moves."""

    now = 100.0

    def __call__(self):
        return self.now


def test_the_age_is_that_of_the_oldest_unseen_write():
    """Nothing is awaited at first; later writes of the same object do not hide how long it was not seen."""
    clock = Clock()
    echoes = Echoes(clock)
    assert echoes.age() == 0
    echoes.wrote(written(version=5))
    clock.now += 3
    echoes.wrote(written("b"))
    echoes.wrote(written(version=6))
    clock.now += 1

    assert echoes.age() == 4


def test_an_echo_is_the_version_that_was_written_or_a_newer_one():
    """An older event of the object proves nothing; a newer one does."""
    clock = Clock()
    echoes = Echoes(clock)
    echoes.wrote(written(version=5))
    clock.now += 2
    echoes.seen(written(version=4))
    echoes.seen(written("b", 9))
    assert echoes.age() == 2
    echoes.seen(written(version=7))
    assert echoes.age() == 0


def test_a_deletion_ends_the_waiting():
    """Whatever version of an object was written, no watch shows more of it than its deletion."""
    echoes = Echoes(clock := Clock())
    echoes.wrote(written(version=5))
    clock.now += 2
    echoes.seen(written(version=4), gone=True)
    assert echoes.age() == 0


def test_nothing_is_awaited_of_what_is_gone():
    """An object that was deleted before a watch showed our write does not make the watch a dead one."""
    clock = Clock()
    echoes = Echoes(clock)
    echoes.wrote(written())
    clock.now += 50
    echoes.forget("a")
    assert echoes.age() == 0


@pytest.fixture(autouse=True)
def quick_events(monkeypatch):
    """Events come soon here."""
    monkeypatch.setattr("autosearch.kubernetes.sight._EVENTS_LATE", 0.02)


class Lists:
    """A client that lists metadata; may fail first."""

    def __init__(self, listed, errors=0):
        self.listed = listed
        self.errors = errors
        self.asked = []
        self.whole = []
        self.during = lambda: None

    async def get(self, resource, name, namespace):
        for body in self.whole:
            if (body["metadata"]["name"], body["metadata"]["namespace"]) == (name, namespace):
                return body
        raise ApiError(404, "NotFound", "gone")

    async def list(self, resource, namespace, *, label_selector, metadata_only):
        assert metadata_only
        self.asked.append((resource.plural, namespace, label_selector))
        self.during()
        if self.errors:
            self.errors -= 1
            raise ApiError(0, "Unreachable", "away")
        found = [body for body in self.listed.get(resource, ()) if namespace in (None, body["metadata"]["namespace"])]
        return [{"metadata": body["metadata"]} for body in found], "9"


def full_cache() -> Cache:
    """Give a cache with a job, its trial and that one's pod."""
    cache = Cache()
    for resource, body in ((JOBS, job_body()), (TRIALS, trial_body()), (PODS, pod_body())):
        cache.apply(resource, body)
    return cache


class World:
    """A cache and a sweep of it."""

    def __init__(self, namespaces=(), **words):
        self.cache, self.echoes, self.wanted = full_cache(), Echoes(), []
        everything = {JOBS: [job_body()], TRIALS: [trial_body()], PODS: [pod_body()]}
        self.client = Lists({**everything, **words.pop("listed", {})}, **words)
        self.sweep = Sweep(self.client, self.cache, self.echoes, namespaces, self.wanted.append)


def test_a_ghost_is_forgotten_and_its_job_looks_again():
    """A pod whose deletion no watch told is found by the sweep; its last state is kept for its result."""
    world = World(listed={PODS: []})
    world.echoes.wrote(pod_body(1))

    assert asyncio.run(world.sweep.sweep(PODS)) == 1
    assert world.wanted == [JOB_UID]
    assert world.cache.pod("pod-1") is None
    assert len(list(world.cache.pods("team", "demo"))) == 1
    assert world.echoes.age() == 0


def test_what_goes_while_it_is_listed_is_told_by_its_event():
    """A pod that is not listed, and whose event is on its way, keeps the last state that the event brings."""
    world = World(listed={PODS: []})
    last = pod_body(7, phase="Succeeded")

    async def run():
        asyncio.get_running_loop().call_later(0.005, world.cache.remove, PODS, "pod-1", last)
        return await world.sweep.sweep(PODS)

    assert asyncio.run(run()) == 0
    assert [pod["status"]["phase"] for pod in world.cache.pods("team", "demo")] == ["Succeeded"]


@pytest.mark.parametrize("resource", [JOBS, TRIALS, PODS])
def test_what_exists_is_no_ghost(resource):
    """A sweep of a cache that is right changes nothing."""
    world = World()

    assert asyncio.run(world.sweep.sweep(resource)) == 0
    assert world.wanted == []


def test_what_appears_while_the_list_is_read_is_no_ghost():
    """An object that was created after the list was made is not in it, and exists all the same."""
    world = World()
    world.client.during = lambda: world.cache.apply(PODS, pod_body(2, uid="new"))

    assert asyncio.run(world.sweep.sweep(PODS)) == 0
    assert world.cache.pod("new") is not None


def test_what_changed_unseen_is_read_and_its_job_looks_again():
    """A pod whose end no watch told, and one that no watch told of at all, are read whole by the sweep."""
    ended, new = pod_body(9, phase="Succeeded"), pod_body(8, uid="new")
    world = World(listed={PODS: [ended, new]})
    world.client.whole = [ended]
    world.echoes.wrote(pod_body(9))

    assert asyncio.run(world.sweep.sweep(PODS)) == 2
    assert world.cache.pod("pod-1")["status"]["phase"] == "Succeeded"
    assert world.wanted.count(JOB_UID) >= 1
    assert world.echoes.age() == 0


def test_what_changes_while_it_is_listed_is_told_by_its_event():
    """A change whose event is on its way is not read once more."""
    world = World(listed={PODS: [pod_body(9)]})

    async def run():
        asyncio.get_running_loop().call_later(0.005, world.cache.apply, PODS, pod_body(9))
        return await world.sweep.sweep(PODS)

    assert asyncio.run(run()) == 0
    assert world.wanted == []


def test_what_is_gone_before_it_is_read_is_left_to_the_next_sweep():
    """An object that was listed, and does not exist any more, is no error."""
    world = World(listed={PODS: [pod_body(9)]})

    assert asyncio.run(world.sweep.sweep(PODS)) == 1
    assert world.cache.version("pod-1") < 9
    assert world.wanted == []


def test_listed_namespaces_alone_are_asked():
    """With rights in some namespaces nothing is asked of the whole cluster, and of pods only ours."""
    world = World(namespaces=["team", "other"])
    asyncio.run(world.sweep.sweep(PODS))

    assert world.client.asked == [("pods", each, "autosearch.dev/managed=true") for each in ("team", "other")]
    assert world.wanted == []


def test_the_cache_is_filled_once_all_that_was_there_is_seen(monkeypatch):
    """Before that nothing may be planned; an unreachable server is waited for, and what went meanwhile is not."""
    monkeypatch.setattr("autosearch.kubernetes.sight._RETRY", 0.001)
    monkeypatch.setattr("autosearch.kubernetes.sight._POLL", 0.001)
    world = World(listed={PODS: [pod_body(), pod_body(uid="late"), pod_body(uid="gone")]}, errors=2)

    async def run():
        task = asyncio.create_task(world.sweep.wait_until_synced())
        await asyncio.sleep(0.05)
        early = task.done()
        world.cache.apply(PODS, pod_body(uid="late"))
        world.cache.remove(PODS, "gone")
        await asyncio.wait_for(task, 5)
        return early

    assert asyncio.run(run()) is False


def test_what_is_deleted_before_the_watches_begin_is_not_waited_for(monkeypatch):
    """An object that was listed and is gone before any watch tells of it does not keep the operator from starting."""
    monkeypatch.setattr("autosearch.kubernetes.sight._POLLS", 2)
    monkeypatch.setattr("autosearch.kubernetes.sight._RETRY", 0.01)
    world = World(listed={PODS: [pod_body(uid="gone")]})

    async def run():
        task = asyncio.create_task(world.sweep.wait_until_synced())
        await asyncio.sleep(0.05)
        early = task.done()
        world.client.listed[PODS] = []
        await asyncio.wait_for(task, 5)
        return early

    assert asyncio.run(run()) is False


async def until_swept(world: World) -> None:
    """Run sweeps until the trial is found to be a ghost."""
    task = asyncio.create_task(world.sweep.run())
    async with asyncio.timeout(5):
        while TRIAL_NAME in world.cache.trials(JOB_UID):
            await asyncio.sleep(0.001)
            assert not task.done()
    task.cancel()


def test_sweeps_go_on_after_a_failure(monkeypatch):
    """A server that is away for one sweep is asked again by the next."""
    monkeypatch.setattr("autosearch.kubernetes.sight._LOOK_EVERY", 0.001)
    monkeypatch.setattr("autosearch.kubernetes.sight.SWEEP_EVERY", 0.001)
    world = World(listed={TRIALS: []}, errors=1)
    asyncio.run(until_swept(world))

    assert world.cache.is_departed(TRIAL_UID)


def test_a_write_that_stays_unseen_brings_the_sweep_forward(monkeypatch):
    """What was deleted in a gap of the watch shows as a missing echo long before the next sweep is due."""
    monkeypatch.setattr("autosearch.kubernetes.sight._LOOK_EVERY", 0.001)
    monkeypatch.setattr("autosearch.kubernetes.sight._SUSPICIOUS", 0.02)
    world = World(listed={TRIALS: []})
    world.echoes.wrote(trial_body(7))
    asyncio.run(until_swept(world))

    assert world.echoes.age() == 0
