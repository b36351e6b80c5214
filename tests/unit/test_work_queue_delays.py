"""Delayed keys of the work queue, on the event loop that the operator runs on."""

import asyncio

import uvloop

from autosearch.kubernetes.work_queue import WorkQueue


def test_wishes_for_at_once_may_be_repeated():
    """A wish for a pass within no time, or almost none, does not stand in the way of the next wish."""

    async def wish() -> list[str]:
        queue = WorkQueue()
        for seconds in (0.0, 0.0001, 5.0, 0.0):
            queue.add_after("a", seconds)
        queue.add_after("b", 5.0)
        queue.add_after("b", 0.0)
        return sorted([await queue.get(), await queue.get()])

    assert uvloop.run(asyncio.wait_for(wish(), 5)) == ["a", "b"]


def test_a_dropped_key_does_not_come_back():
    """What is dropped before its time is not worked on."""

    async def wish() -> int:
        queue = WorkQueue()
        queue.add_after("a", 0.0)
        queue.drop("a")
        await asyncio.sleep(0.05)
        return len(queue)

    assert uvloop.run(wish()) == 0
