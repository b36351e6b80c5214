"""The workers that pass over jobs: from a key to a pass, and from its outcome to the next one.

Owns: which jobs are ours, what is remembered of each, and what an error means for the next try. It decides nothing
about trials.
"""

import logging
from dataclasses import replace
from time import monotonic

from autosearch.api.errors import Problem
from autosearch.api.job import AutoSearchJob
from autosearch.engine.snapshot import Answer
from autosearch.kubernetes.admission import PASSING, is_namespace_terminating
from autosearch.kubernetes.client import ApiError
from autosearch.kubernetes.invalid import refusal_of
from autosearch.kubernetes.lease import NotLeadingError
from autosearch.kubernetes.memory import JobMemory
from autosearch.kubernetes.passes import Pass
from autosearch.kubernetes.resources import JOBS, OPERATOR_NAME
from autosearch.kubernetes.surroundings import Surroundings
from autosearch.kubernetes.work_queue import WorkQueue

_log = logging.getLogger("autosearch.controller")
RESYNC = 60.0
"""Seconds after which a job is looked at again though nothing was heard of it."""
_LEASE_AGAIN = 1.0


class Controller:
    """Takes keys, which are uids of jobs, from the queue."""

    def __init__(self, around: Surroundings, queue: WorkQueue) -> None:
        self._around = around
        self._queue = queue
        self._memories: dict[str, JobMemory] = {}

    async def work(self) -> None:
        """Work for ever; run several of these side by side."""
        while True:
            uid = await self._queue.get()
            try:
                await self._one(uid)
            finally:
                self._queue.done(uid)

    def job(self, uid: str) -> AutoSearchJob | None:
        """Give a job as a model, if it is there and can be read."""
        body = self._around.cache.job(uid)
        return self._memory(uid).parsed(body)[0] if body is not None else None

    def answered(self, uid: str, answer: Answer, seconds: float) -> None:
        """Take an algorithm's answer."""
        if uid not in self._memories:
            return
        if answer.error:
            answer = replace(answer, failed_at=self._around.now())
        self._memories[uid].answer = answer
        job = self.job(uid)
        if job is not None:
            self._around.metrics.proposed(job.spec.algorithm.name, seconds)
        if answer.error:
            _log.warning("%s", answer.error, extra={"job": job.name if job else uid})
        self._queue.add(uid)

    async def _one(self, uid: str) -> None:
        body = self._around.cache.job(uid)
        if body is None or body["metadata"].get("deletionTimestamp"):
            self._drop(uid)
            return
        if body["spec"].get("managedBy", OPERATOR_NAME) != OPERATOR_NAME:
            return
        began = monotonic()
        try:
            await self._pass(uid)
        except NotLeadingError:
            # A renewal that was late may still succeed: then nobody else would ask for what was not done.
            self._queue.add_after(uid, _LEASE_AGAIN)
        except ApiError as error:
            self._failed(uid, error)
        except Exception:
            # A bug of ours must not end the worker: the others' searches go on.
            _log.exception("a pass failed", extra={"job": body["metadata"]["name"]})
            self._around.metrics.pass_failed("Bug")
            self._queue.add_after_failure(uid, at_least=1.0)
        finally:
            self._around.metrics.passed(monotonic() - began)

    async def _pass(self, uid: str) -> None:
        body, memory = self._around.cache.job(uid), self._memory(uid)
        assert body is not None
        job, problems = memory.parsed(body)
        if job is None:
            await self._refuse(body, problems)
            return
        one = Pass(self._around, job, memory, problems)
        await one.run()
        self._queue.forget(uid)
        self._queue.add_after(uid, RESYNC if one.wishes.after is None else min(one.wishes.after, RESYNC))

    async def _refuse(self, body: dict[str, object], problems: tuple[Problem, ...]) -> None:
        """Say in the status of a job that cannot even be read what is wrong with it."""
        metadata, old, new = refusal_of(body, problems, self._around.now())
        await self._around.writes.status(JOBS, metadata, old, new)

    def _failed(self, uid: str, error: ApiError) -> None:
        wait = self._queue.add_after_failure(uid, at_least=error.retry_after or 0.0)
        self._around.metrics.pass_failed(error.reason or str(error.status))
        expected = error.status in PASSING or is_namespace_terminating(error)
        level = logging.INFO if expected else logging.WARNING
        body = self._around.cache.job(uid)
        name = body["metadata"]["name"] if body is not None else uid
        _log.log(level, "another try in %.2f s: %s", wait, error.message, extra={"job": name})

    def _memory(self, uid: str) -> JobMemory:
        return self._memories.setdefault(uid, JobMemory())

    def _drop(self, uid: str) -> None:
        self._memories.pop(uid, None)
        self._queue.drop(uid)
        self._around.proposers.drop(uid)
        self._around.reports.drop(uid)
        self._around.metrics.drop(uid)
        self._around.heard.keep_only(lambda pod: self._around.cache.pod(pod) is not None)
