"""Creations that the API server refuses: why, and when the next try is made."""

import asyncio
from types import SimpleNamespace

import pytest
from tests.unit.kubernetes_samples import JOB_UID, TRIAL_NAME, job_body, trial_body

from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial
from autosearch.engine.actions import CreateTrial, StartRun
from autosearch.kubernetes.cache import Cache
from autosearch.kubernetes.client import ApiError
from autosearch.kubernetes.memory import JobMemory
from autosearch.kubernetes.pod import PodSettings
from autosearch.kubernetes.resources import JOBS, TRIALS
from autosearch.kubernetes.starts import Starts
from autosearch.kubernetes.surroundings import Wishes

QUOTA = ApiError(403, "Forbidden", 'pods "demo" is forbidden: exceeded quota: gpus')


class World:
    """A job with trials that wait for pods, and a server that takes as many as the quota allows."""

    def __init__(self, trials=4, free=0):
        self.cache, self.memory, self.now, self.free, self.tried = Cache(), JobMemory(), 100.0, free, []
        self.cache.apply(JOBS, job_body())
        for number in range(trials):
            body = trial_body(uid=f"trial-{number}", status={"state": "Pending"})
            body["metadata"]["name"] = f"{TRIAL_NAME}{number}"
            self.cache.apply(TRIALS, body)
        self.around = SimpleNamespace(
            cache=self.cache,
            writes=self,
            metrics=SimpleNamespace(pod_accepted=lambda uid: None),
            pod_settings=lambda: PodSettings("sidecar:1"),
            clock=lambda: self.now,
        )

    async def create(self, resource, body, namespace, owner):
        self.tried.append(body["metadata"]["name"])
        await asyncio.sleep(0)
        if not self.free:
            raise QUOTA
        self.free -= 1
        return body

    def go(self):
        """Start everything, as a pass does; gives how many pods were tried and the wish for the next pass."""
        before, wishes = len(self.tried), Wishes()
        starts = Starts(self.around, AutoSearchJob.from_dict(job_body()), self.memory, wishes)
        names = list(self.cache.trials(JOB_UID))
        asyncio.run(starts.run([StartRun(name, "0-4") for name in names]))
        return len(self.tried) - before, wishes.after


def test_a_refusal_is_shown_at_once_and_tried_again_after_a_pause():
    """The next pass tells why; it and all others within the pause try nothing."""
    world = World()

    assert world.go() == (4, 0.0)
    assert (world.memory.blocked.kind, world.memory.blocked.reason) == ("wait", "QuotaExceeded")
    assert world.go() == (0, 1.0)


def test_pods_that_are_refused_side_by_side_are_one_try():
    """The pause doubles from try to try, however many pods were refused in each; it is never longer than 30 seconds."""
    world, pauses = World(), []
    for _ in range(7):
        world.go()
        pauses.append(world.go()[1])
        world.now = world.memory.retry_at

    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_an_attempt_that_ended_ends_the_pause():
    """Where a quota is smaller than `parallelTrials`, what one trial gave back is for the next one at once."""
    world = World()
    for _ in range(6):
        world.go()
        world.now = world.memory.retry_at
    world.go()
    world.memory.attempt_ended()
    world.free = 1

    assert world.go()[0] == 4
    assert world.memory.retry_at - world.now <= 1.0


def test_with_room_again_nothing_is_blocked():
    """A pod that is taken clears the reason, and the next pass takes it from the status."""
    world = World(trials=1)
    world.go()
    world.now, world.free = world.memory.retry_at, 1

    assert world.go() == (1, 0.0)
    assert (world.memory.blocked, world.memory.refusals) == (None, 0)


def test_a_trial_that_is_refused_says_why():
    """A quota on Trials, or a policy: the reason is kept, no pod is tried, and nothing starts until the next try."""
    world, wishes = World(trials=0), Wishes()
    trial = Trial.from_dict(trial_body())
    actions = [CreateTrial(trial), StartRun(TRIAL_NAME, "0-4")]
    world.memory.proven = True
    starts = Starts(world.around, AutoSearchJob.from_dict(job_body()), world.memory, wishes)
    asyncio.run(starts.run(actions))

    assert world.tried == [TRIAL_NAME]
    assert world.memory.blocked.reason == "QuotaExceeded"
    assert asyncio.run(starts.prove(actions)) is False
    world.now, world.free = world.memory.retry_at, 1
    assert asyncio.run(starts.prove(actions)) is True
    asyncio.run(starts.run(actions[:1]))
    assert not world.memory.trials_refused


def test_an_error_that_says_nothing_of_pods_is_an_error():
    """A server that cannot be reached has refused nothing: the pass as a whole is tried again."""
    world = World(trials=1)

    async def away(*_):
        raise ApiError(0, "Unreachable", "away")

    world.create = away
    with pytest.raises(ApiError, match="away"):
        world.go()
    assert world.memory.blocked is None
