"""The workers: which jobs get a pass, and what its outcome means for the next one."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import pytest
from tests.unit.kubernetes_samples import JOB_UID, NOW, job_body

from autosearch.api.errors import AutoSearchError, Problem
from autosearch.engine.snapshot import Answer, Question
from autosearch.kubernetes.cache import Cache
from autosearch.kubernetes.client import ApiError
from autosearch.kubernetes.controller import RESYNC, Controller
from autosearch.kubernetes.invalid import refusal_of
from autosearch.kubernetes.lease import NotLeadingError
from autosearch.kubernetes.metrics import Metrics
from autosearch.kubernetes.resources import JOBS
from autosearch.kubernetes.view import Heard
from autosearch.kubernetes.work_queue import WorkQueue
from autosearch.kubernetes.writes import changed_fields

QUESTION = Question(1, 0, 0, 6)


class Queue(WorkQueue):
    """A queue that remembers the delays it was told."""

    def __init__(self):
        super().__init__(jitter=lambda: 0.5)
        self.delays = []

    def add_after(self, key, seconds):
        self.delays.append((key, seconds))


class Told:
    """Stands for a part that is told things; remembers them."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        def call(*arguments):
            self.calls.append((name, *arguments))

        return call


class Writes:
    """Remembers statuses."""

    def __init__(self):
        self.statuses = []

    async def status(self, resource, metadata, old, new):
        self.statuses.append((resource.plural, metadata.name, new))


class World:
    """A controller whose passes do what the test says."""

    def __init__(self, monkeypatch, *outcomes, wish=None):
        self.outcomes = list(outcomes)
        self.passed = []
        world = self

        class Pass:
            def __init__(self, around, job, memory, problems=()):
                self.job, self.memory = job, memory
                self.wishes = SimpleNamespace(after=wish)

            async def run(self):
                world.passed.append((self.job.name, self.memory))
                outcome = world.outcomes.pop(0) if world.outcomes else None
                if outcome is not None:
                    raise outcome

        monkeypatch.setattr("autosearch.kubernetes.controller.Pass", Pass)
        self.cache, self.queue, self.metrics = Cache(), Queue(), Metrics()
        self.proposers, self.reports, self.writes = Told(), Told(), Writes()
        around = SimpleNamespace(
            cache=self.cache,
            metrics=self.metrics,
            proposers=self.proposers,
            reports=self.reports,
            writes=self.writes,
            heard=Heard(),
            now=lambda: NOW,
        )
        self.controller = Controller(around, self.queue)

    def work(self, *keys):
        """Let one worker do what is asked for, key after key; what can be called is called in between."""

        async def run():
            task = asyncio.create_task(self.controller.work())
            for key in keys:
                if callable(key):
                    key()
                else:
                    self.queue.add(key)
                await asyncio.sleep(0.005)
                assert not task.done()
            task.cancel()

        asyncio.run(run())

    def failures(self, reason):
        return self.metrics.registry.get_sample_value("autosearch_pass_failures_total", {"reason": reason})


@pytest.mark.parametrize(("wish", "seconds"), [(None, RESYNC), (2.0, 2.0), (10_000.0, RESYNC)])
def test_a_job_is_looked_at_again_when_it_wants(monkeypatch, wish, seconds):
    """A pass may ask for the next one; without any news there is one every five minutes."""
    world = World(monkeypatch, wish=wish)
    world.cache.apply(JOBS, job_body())
    world.work(JOB_UID)

    assert [name for name, _ in world.passed] == ["demo"]
    assert world.queue.delays == [(JOB_UID, seconds)]


def test_a_job_keeps_its_memory(monkeypatch):
    """Two passes of a job share what costs time to get again; another job has its own."""
    world = World(monkeypatch)
    world.cache.apply(JOBS, job_body())
    world.cache.apply(JOBS, job_body(uid="other", name="other"))
    world.work(JOB_UID, JOB_UID, "other")

    first, second, third = (memory for _, memory in world.passed)
    assert first is second is not third


def test_somebody_elses_job_is_left_alone(monkeypatch):
    """`managedBy` names another controller: no pass, no write."""
    world = World(monkeypatch)
    world.cache.apply(JOBS, job_body(managedBy="kueue.x-k8s.io/multikueue"))
    world.work(JOB_UID)

    assert world.passed == world.queue.delays == world.writes.statuses == []


@pytest.mark.parametrize("deleting", [True, False])
def test_a_job_that_is_gone_is_forgotten(monkeypatch, deleting):
    """Nothing is planned for a job that is being deleted, and nothing of it is kept."""
    world = World(monkeypatch)
    world.cache.apply(JOBS, job_body())
    body = job_body(2)
    body["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z"
    go = partial(world.cache.apply, JOBS, body) if deleting else partial(world.cache.remove, JOBS, JOB_UID)
    world.work(JOB_UID, go, JOB_UID)

    assert len(world.passed) == 1
    assert world.proposers.calls == world.reports.calls == [("drop", JOB_UID)]
    world.controller.answered(JOB_UID, Answer(QUESTION), 0.1)
    assert len(world.queue) == 0


def test_an_error_of_the_server_is_tried_again_with_growing_pauses(monkeypatch, caplog):
    """Each failure in a row waits longer, a success begins anew, and the server's own wish is kept."""
    away = ApiError(0, "Unreachable", "away")
    world = World(monkeypatch, away, away, None, away, ApiError(429, "TooManyRequests", "busy", 9.0))
    world.cache.apply(JOBS, job_body())
    world.work(*[JOB_UID] * 5)

    assert world.queue.delays == [
        (JOB_UID, 0.05),
        (JOB_UID, 0.1),
        (JOB_UID, RESYNC),
        (JOB_UID, 0.05),
        (JOB_UID, 9.0),
    ]
    assert world.failures("Unreachable") == 3
    assert "another try in 0.10 s: away" in caplog.text


def test_a_conflict_is_no_warning(monkeypatch, caplog):
    """That somebody else was faster is ordinary: it is told at the level of information."""
    world = World(monkeypatch, ApiError(409, "Conflict", "changed"))
    world.cache.apply(JOBS, job_body())
    with caplog.at_level(logging.INFO):
        world.work(JOB_UID)

    assert [record.levelname for record in caplog.records if "changed" in record.message] == ["INFO"]


def test_a_bug_of_ours_does_not_end_the_worker(monkeypatch, caplog):
    """One job's pass fails with a traceback in the log; the others' searches go on."""
    world = World(monkeypatch, ZeroDivisionError("ours"))
    world.cache.apply(JOBS, job_body())
    world.cache.apply(JOBS, job_body(uid="other", name="other"))
    world.work(JOB_UID, "other")

    assert [name for name, _ in world.passed] == ["demo", "other"]
    assert world.queue.delays[0] == (JOB_UID, 1.0)
    assert world.failures("Bug") == 1
    assert "ZeroDivisionError" in caplog.text


def test_a_write_without_the_lease_is_tried_again(monkeypatch, caplog):
    """That the lease has run out is no failure, and what was not done is not forgotten: a late renewal may succeed."""
    world = World(monkeypatch, NotLeadingError("not leading"))
    world.cache.apply(JOBS, job_body())
    world.work(JOB_UID)

    assert world.queue.delays == [(JOB_UID, 1.0)]
    assert caplog.records == []
    assert world.failures("NotLeading") is None


def test_a_job_that_cannot_be_read_says_so(monkeypatch):
    """An object from an older schema gets a status that names the fields; nothing is planned for it."""
    world = World(monkeypatch)
    body = job_body()
    body["spec"]["objective"] = {"metric": "acc", "direction": "Sideways"}
    world.cache.apply(JOBS, body)
    world.work(JOB_UID)

    ((plural, name, status),) = world.writes.statuses
    assert (plural, name, status.state) == ("autosearchjobs", "demo", "Failed")
    conditions = {each.type: each for each in status.conditions}
    assert [conditions[kind].status for kind in ("Failed", "Finished")] == ["True", "True"]
    assert "direction" in conditions["Failed"].message
    assert world.passed == []
    assert world.controller.job(JOB_UID) is None


def test_a_status_that_cannot_be_read_is_not_written_for_ever():
    """Of a status from an older schema what can be read is kept, so that a refusal which is told is not told again."""
    told = {"best": "an older form", "state": "Pending"}
    body = job_body(status=told)
    problems = (Problem("spec.objective.direction", "'Sideways'", "write Maximize or Minimize"),)
    metadata, old, new = refusal_of(body, problems, NOW)
    again = job_body(2, status={**told, **changed_fields(old, new)})
    _, old, new = refusal_of(again, problems, NOW + timedelta(seconds=5))

    assert (metadata.name, new.state) == ("demo", "Failed")
    assert changed_fields(old, new) == {}


def test_an_answer_brings_a_pass(monkeypatch, caplog):
    """The job's memory has the algorithm's answer, its time is counted; an error is in the log, and when it came.

    Without that time the question would never be asked again.
    """
    world = World(monkeypatch)
    world.cache.apply(JOBS, job_body())
    world.work(JOB_UID)
    answer = Answer(QUESTION, error="the algorithm took longer than 60 s")
    world.controller.answered(JOB_UID, answer, 0.5)

    assert len(world.queue) == 1
    assert world.passed[0][1].answer == replace(answer, failed_at=NOW)
    assert world.metrics.registry.get_sample_value("autosearch_proposal_seconds_sum", {"algorithm": "random"}) == 0.5
    assert "longer than 60 s" in caplog.text


def test_the_jobs_own_errors_are_ours():
    """All errors that passes expect are of one family, so that none of them counts as a bug by accident."""
    assert issubclass(ApiError, AutoSearchError)
    assert issubclass(NotLeadingError, AutoSearchError)
