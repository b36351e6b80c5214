"""The workers that run the algorithms: a job's questions in turn, a time limit, and an event loop that never waits."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.kubernetes_samples import job_body

from autosearch.api.job import AutoSearchJob
from autosearch.engine.snapshot import Question
from autosearch.kubernetes.proposers import Proposers
from autosearch.proposing.proposer import Proposer
from autosearch.search.propose import search_of

SEARCH = search_of(AutoSearchJob.from_dict(job_body(seed=1)))
ONE, TWO = Question(1, 0, 0, 6), Question(2, 0, 0, 6)
HANGS = "import time\ntime.sleep(600)\n"
DIES = "import sys\nsys.exit(3)\n"


class World:
    """Proposers, and the answers they gave."""

    def __init__(self, folder: Path, count=1, *, time_limit=20.0):
        self.answers = []
        self.news = asyncio.Event()
        self.proposers = Proposers(count, folder / "log", self._answered, time_limit=time_limit)

    def _answered(self, key, answer, seconds):
        assert seconds >= 0
        self.answers.append((key, answer))
        self.news.set()

    def ask(self, key, question):
        self.proposers.ask(key, question, SEARCH, [])

    async def until(self, count):
        async with asyncio.timeout(30):
            while len(self.answers) < count:
                self.news.clear()
                await self.news.wait()


def run(folder, scenario, **words):
    """Run a scenario with a world that is closed at its end."""

    async def whole():
        world = World(folder, **words)
        try:
            return await scenario(world)
        finally:
            world.proposers.close()

    return asyncio.run(whole())


def faulty(monkeypatch, program):
    """Put another program in the worker's place."""
    monkeypatch.setattr("autosearch.kubernetes.proposers.Proposer", lambda log, limit: Proposer(log, limit, program))


def test_an_answer_comes_by_itself(tmp_path):
    """The question is known while it is worked on, and afterwards no longer."""

    async def scenario(world):
        world.ask("a", TWO)
        asked = world.proposers.asked("a"), world.proposers.asked("b")
        await world.until(1)
        return asked, world.proposers.asked("a"), world.answers

    asked, afterwards, ((key, answer),) = run(tmp_path, scenario)
    assert asked == (TWO, None)
    assert afterwards is None
    assert (key, answer.question, answer.error) == ("a", TWO, "")
    assert len(answer.proposals.trials) == 2


def test_jobs_wait_for_each_other_and_a_newer_question_replaces_one_that_waits(tmp_path):
    """One worker answers job after job; of several questions of one job that wait only the newest is worked on."""

    async def scenario(world):
        world.ask("a", ONE)
        world.ask("b", ONE)
        world.ask("b", TWO)
        waiting = world.proposers.asked("b")
        await world.until(2)
        return waiting, [(key, answer.question) for key, answer in world.answers]

    assert run(tmp_path, scenario) == (TWO, [("a", ONE), ("b", TWO)])


def test_a_job_that_is_gone_is_asked_for_no_more(tmp_path):
    """What waits is dropped; an answer that is under way comes and is the receiver's to ignore."""

    async def scenario(world):
        world.ask("a", ONE)
        world.ask("b", ONE)
        world.ask("c", ONE)
        world.proposers.drop("b")
        await world.until(2)
        return [key for key, _ in world.answers]

    assert run(tmp_path, scenario) == ["a", "c"]


def test_a_job_stays_with_its_worker(tmp_path):
    """The same job always has the same worker, which remembers it; jobs are spread over all of them."""

    async def scenario(world):
        keys = [f"job-{number}" for number in range(40)]
        homes = {key: world.proposers._worker(key) for key in keys}
        assert all(world.proposers._worker(key) is home for key, home in homes.items())
        return len({id(home) for home in homes.values()})

    assert run(tmp_path, scenario, count=2) == 2


@pytest.mark.parametrize(("program", "words"), [(HANGS, "longer than"), (DIES, "ended unexpectedly")])
def test_an_algorithm_that_hangs_or_dies_is_an_error_of_its_question(tmp_path, monkeypatch, program, words):
    """After its time limit, or its end, and one more try the answer is an error; the loop went on meanwhile."""
    faulty(monkeypatch, program)

    async def scenario(world):
        world.ask("a", ONE)
        turns = 0
        while not world.answers:
            await asyncio.sleep(0.01)
            turns += 1
        return turns

    world_of = {}

    async def kept(world):
        world_of["it"] = world
        return await scenario(world)

    assert run(tmp_path, kept, time_limit=0.2) > 1
    ((_, answer),) = world_of["it"].answers
    assert words in answer.error
    assert answer.question == ONE


def test_the_next_job_is_served_after_a_failure(tmp_path, monkeypatch):
    """A worker whose algorithm died is replaced for whoever waits behind it."""
    script = tmp_path / "once"
    program = (
        f"import pathlib, sys\nonce = pathlib.Path({str(script)!r})\n"
        "count = len(once.read_text()) if once.exists() else 0\nonce.write_text('x' * (count + 1))\n"
        "if count < 2:\n    sys.exit(3)\n"
        "sys.path.insert(0, sys.argv[1])\nfrom multiprocessing.connection import Connection\n"
        "from autosearch.search.worker import serve\nserve(Connection(int(sys.argv[2])))\n"
    )
    faulty(monkeypatch, program)

    async def scenario(world):
        world.ask("a", ONE)
        world.ask("b", TWO)
        await world.until(2)
        return [(key, bool(answer.error)) for key, answer in world.answers]

    found = run(tmp_path, scenario)
    assert found == [("a", True), ("b", False)]


def test_a_process_that_cannot_start_is_an_error(tmp_path, monkeypatch):
    """Without a process there is an answer that says why, and no exception."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "missing"))

    async def scenario(world):
        world.ask("a", ONE)
        await world.until(1)
        return world.answers[0][1]

    answer = run(tmp_path, scenario)
    assert "cannot be started" in answer.error
    assert replace(answer, error="").question == ONE
