"""The lease: who may act, counted on a clock that goes on while a process is frozen."""

import asyncio
import copy

import pytest

from autosearch.kubernetes.client import ApiError
from autosearch.kubernetes.lease import Elector, NotLeadingError, Timings

FAST = Timings(duration=15.0, deadline=10.0, retry=0.001)


class Server:
    """One Lease, with the API server's rules for conflicts; may be away, or slow."""

    def __init__(self):
        self.lease = None
        self.away = False
        self.writes = 0
        self.before = lambda: None

    async def get(self, _resource, name, namespace):
        self._answer()
        if self.lease is None:
            raise ApiError(404, "NotFound", f"{namespace}/{name}")
        return copy.deepcopy(self.lease)

    async def create(self, _resource, body, _namespace):
        self._answer()
        if self.lease is not None:
            raise ApiError(409, "AlreadyExists", "")
        self._store(body)

    async def replace(self, _resource, _name, body, _namespace):
        self.before()
        self._answer()
        if body["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise ApiError(409, "Conflict", "")
        self._store(body)

    def hold(self, holder, **spec):
        """Make the Lease somebody's."""
        self._store({"metadata": {}, "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, **spec}})

    @property
    def holder(self):
        return self.lease["spec"]["holderIdentity"]

    def _answer(self):
        if self.away:
            raise ApiError(0, "Unreachable", "away")

    def _store(self, body):
        self.writes += 1
        self.lease = copy.deepcopy(body)
        self.lease["metadata"]["resourceVersion"] = str(self.writes)


class World:
    """A server, a clock that only the test moves, and electors."""

    def __init__(self):
        self.server = Server()
        self.now = 1000.0

    def elector(self, identity="me"):
        return Elector(self.server, "ns", "lease", identity, timings=FAST, clock=lambda: self.now)


async def led(elector) -> asyncio.Task:
    """Start to lead and wait until it is so."""
    task = asyncio.create_task(elector.lead())
    await asyncio.wait_for(elector.leading.wait(), 5)
    return task


async def some_tries() -> None:
    """Let electors try some times."""
    await asyncio.sleep(0.03)


@pytest.fixture
def world():
    return World()


def test_the_first_replica_creates_the_lease(world):
    """Where there is no Lease it is created, with what client-go writes into it."""

    async def run():
        elector = world.elector()
        task = await led(elector)
        task.cancel()
        elector.check()

    asyncio.run(run())
    spec = world.server.lease["spec"]
    assert spec["holderIdentity"] == "me"
    assert spec["leaseDurationSeconds"] == 15
    assert spec["acquireTime"] <= spec["renewTime"]


def test_before_it_leads_a_replica_may_not_write(world):
    """Without the lease each write is refused before it is sent."""
    elector = world.elector()
    assert not elector.is_valid() and not elector.standing_by
    with pytest.raises(NotLeadingError, match="does not hold the lease"):
        elector.check()


def test_somebody_elses_lease_is_waited_for(world):
    """A Lease that was not renewed for its whole duration, on our own clock, is taken over; no earlier."""
    world.server.hold("other", renewTime="2001-01-01T00:00:00Z")

    async def run():
        elector = world.elector()
        task = asyncio.create_task(elector.lead())
        await some_tries()
        world.now += 14.9
        await some_tries()
        early = elector.is_valid(), elector.standing_by
        world.now += 0.2
        await asyncio.wait_for(elector.leading.wait(), 5)
        task.cancel()
        return early, elector.standing_by

    assert asyncio.run(run()) == ((False, True), False)
    assert world.server.holder == "me"
    assert world.server.lease["spec"]["leaseTransitions"] == 1


def test_a_lease_that_is_renewed_is_left_alone(world):
    """Each renewal of its holder begins the wait anew."""

    async def run():
        elector = world.elector()
        task = asyncio.create_task(elector.lead())
        for _ in range(4):
            world.server.hold("other")
            await some_tries()
            world.now += 10
        task.cancel()

    world.server.hold("other")
    asyncio.run(run())
    assert world.server.holder == "other"


def test_a_frozen_process_may_not_write(world):
    """Whoever was frozen for longer than the deadline knows at once that it leads no longer."""

    async def run():
        elector = world.elector()
        task = await led(elector)
        world.server.hold("other")
        world.now += 10.1
        with pytest.raises(NotLeadingError):
            elector.check()
        await asyncio.wait_for(task, 5)
        return elector

    elector = asyncio.run(run())
    assert not elector.leading.is_set()
    assert world.server.holder == "other"


def test_a_holder_that_cannot_renew_stops_before_others_may_start(world):
    """With the server away the right to act ends after the deadline, which is less than the duration."""

    async def run():
        elector = world.elector()
        task = await led(elector)
        world.server.away = True
        await some_tries()
        assert elector.is_valid()
        world.now += 10.1
        await asyncio.wait_for(task, 5)

    asyncio.run(run())
    assert FAST.deadline < FAST.duration


def test_validity_counts_from_the_start_of_a_renewal(world):
    """A renewal that took eight seconds is worth two: the server may have stored it at the first of them."""

    def slow():
        world.now += 8

    async def run():
        elector = world.elector()
        world.server.hold("")
        world.server.before = slow
        task = await led(elector)
        world.server.away = True
        task.cancel()
        assert elector.is_valid()
        world.now += 2.1
        return elector.is_valid()

    assert asyncio.run(run()) is False


def test_of_two_that_see_a_free_lease_one_gets_it(world):
    """The second one's write names a version that is gone, and it waits."""
    world.server.hold("")

    async def run():
        first, second = world.elector("first"), world.elector("second")
        tasks = [asyncio.create_task(each.lead()) for each in (first, second)]
        await some_tries()
        for task in tasks:
            task.cancel()
        return [first.is_valid(), second.is_valid()]

    assert sorted(asyncio.run(run())) == [False, True]


def test_a_lease_given_back_is_free_at_once(world):
    """The next replica need not wait, and who gave it back writes no more."""

    async def run():
        elector = world.elector()
        task = await led(elector)
        task.cancel()
        await elector.release()
        with pytest.raises(NotLeadingError):
            elector.check()
        other = world.elector("other")
        task = await led(other)
        task.cancel()
        await elector.release()

    asyncio.run(run())
    assert world.server.holder == "other"
