"""The queue of keys: client-go's semantics."""

import asyncio

from autosearch.kubernetes.work_queue import WorkQueue


def queue() -> WorkQueue:
    """Give a queue without chance: the jitter is in the middle."""
    return WorkQueue(jitter=lambda: 0.5)


async def drained(keys: WorkQueue) -> list[str]:
    """Take all that is ready, and give it back."""
    found = []
    while len(keys):
        found.append(await keys.get())
        keys.done(found[-1])
    return found


def test_a_key_waits_once_and_in_order():
    """Any number of wishes for a key that waits are one; keys are taken in the order of their first wish."""

    async def run():
        keys = queue()
        for key in ("a", "b", "a", "c", "b"):
            keys.add(key)
        return await drained(keys)

    assert asyncio.run(run()) == ["a", "b", "c"]


def test_a_key_that_is_worked_on_is_given_to_nobody_else():
    """Wishes meanwhile become exactly one more pass, after the one that runs."""

    async def run():
        keys = queue()
        keys.add("a")
        taken = await keys.get()
        keys.add("a")
        keys.add("a")
        meanwhile = len(keys)
        keys.done(taken)
        return meanwhile, await drained(keys)

    assert asyncio.run(run()) == (0, ["a"])


def test_a_worker_waits_for_a_key():
    """A worker that found nothing is woken by the next wish."""

    async def run():
        keys = queue()
        worker = asyncio.create_task(keys.get())
        await asyncio.sleep(0)
        keys.add("a")
        return await asyncio.wait_for(worker, 5)

    assert asyncio.run(run()) == "a"


def test_the_earliest_delay_counts():
    """Of several delayed wishes the earliest one is kept, whichever came first."""

    async def run():
        keys = queue()
        keys.add_after("late", 60)
        keys.add_after("late", 0.01)
        keys.add_after("late", 60)
        first = await asyncio.wait_for(keys.get(), 5)
        keys.done(first)
        keys.add_after("soon", 0.01)
        keys.add_after("soon", 60)
        return first, await asyncio.wait_for(keys.get(), 5)

    assert asyncio.run(run()) == ("late", "soon")


def test_failures_wait_longer_each_time():
    """The pause doubles up to half a minute, a success forgets it, and the server's own wish is a minimum."""

    async def run():
        keys = queue()
        grown = [keys.add_after_failure("a") for _ in range(30)]
        keys.forget("a")
        again = keys.add_after_failure("a")
        told = keys.add_after_failure("b", at_least=7.0)
        keys.drop("a")
        keys.drop("b")
        return grown, again, told

    grown, again, told = asyncio.run(run())
    assert grown[:3] == [0.05, 0.1, 0.2]
    assert grown == sorted(grown)
    assert grown[-1] == 30.0
    assert again == 0.05
    assert told == 7.0


def test_a_key_that_is_dropped_is_never_worked_on_again():
    """A delayed wish of an object that is gone is forgotten with it."""

    async def run():
        keys = queue()
        keys.add_after("a", 0.01)
        keys.drop("a")
        await asyncio.sleep(0.05)
        return len(keys)

    assert asyncio.run(run()) == 0
