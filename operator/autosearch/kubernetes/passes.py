"""One pass over one job: snapshot, plan, writes.

Owns: the order in which a plan is carried out and what is kept of its answers. What is done next is decided in
`autosearch.engine` alone. Results and intents are written one after the other, then the job, then new trials with
their pods side by side.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeGuard

from autosearch.api.errors import Problem
from autosearch.api.job import AutoSearchJob, JobStatus
from autosearch.api.trial import Trial, TrialStatus
from autosearch.engine.actions import (
    Action,
    CreateTrial,
    Propose,
    RemoveCleaner,
    RemoveJob,
    RemoveRun,
    StartCleaner,
    StartRun,
    StopRun,
    UpdateJob,
    UpdateTrial,
)
from autosearch.engine.housekeeping import housekeeping
from autosearch.engine.plan import plan
from autosearch.engine.snapshot import Snapshot
from autosearch.engine.urgency import is_urgent
from autosearch.engine.work import attempt_number
from autosearch.kubernetes.memory import JobMemory
from autosearch.kubernetes.pod import cleaner_pod, model_root
from autosearch.kubernetes.pod_status import cleaner_of
from autosearch.kubernetes.recorder import news
from autosearch.kubernetes.resources import JOBS, PODS, TRIALS
from autosearch.kubernetes.starts import Starts
from autosearch.kubernetes.surroundings import Surroundings, Wishes
from autosearch.kubernetes.view import Pods, pods_of
from autosearch.search.propose import search_of

JOB_WRITES_EVERY = 1.0
"""Seconds between two writes of a job's status that tell of nothing but numbers."""
HOUSEKEEPING_EVERY = 0.25
_LONGEST_COURTESY = 2.0


class Pass:
    """One pass over one job; made anew for each.

    Attributes:
        wishes: when the job wants its next pass.
    """

    def __init__(
        self, around: Surroundings, job: AutoSearchJob, memory: JobMemory, problems: Sequence[Problem] = ()
    ) -> None:
        self._around = around
        self._job = job
        self._memory = memory
        self._problems = tuple(problems)
        self._uid = job.metadata.uid or ""
        self._namespace = job.metadata.namespace or ""
        self.wishes = Wishes()
        self._starts = Starts(around, job, memory, self.wishes)
        self._pods = Pods((), {}, ())

    async def run(self) -> None:
        """Plan and carry out; raises `ApiError`: what was not done is planned again by the next pass."""
        await self._store_observations()
        now = self._around.now()
        self._pods = pods_of(self._job, self._around.cache, self._memory, self._around.heard, now)
        planned = plan(self._snapshot(), now, self._memory.memo)
        if not await self._starts.prove(planned.actions):
            # A status that counts trials which are not created would be untrue, and makes the spec immutable.
            planned = plan(replace(self._snapshot(), draining=True), now, self._memory.memo)
        self._wake(planned.wake_at, now)
        self._wake(self._pods.lost_at, now)
        await self._carry_out(planned.actions)
        await self._keep_house()

    async def _keep_house(self) -> None:
        """Remove what is not needed any more, a few times a second at the most: free slots are filled first."""
        if self._is_early(self._memory.kept_house_at + HOUSEKEEPING_EVERY):
            return
        self._memory.kept_house_at = self._around.clock()
        now = self._around.now()
        kept = housekeeping(self._snapshot(), now, self._memory.memo)
        self._wake(kept.wake_at, now)
        await self._carry_out(kept.actions)

    def _snapshot(self) -> Snapshot:
        pods = self._pods
        self._trials = dict(self._around.cache.trials(self._uid))
        return Snapshot(
            self._job,
            tuple(self._around.reports.with_last_words(self._uid, self._trials, pods).values()),
            pods.runs,
            self._memory.answer,
            self._around.proposers.asked(self._uid),
            model_root=model_root(self._job),
            blocked=self._memory.blocked,
            problems=self._problems,
            notes=self._memory.notes,
            cleaner=cleaner_of(pods.cleaners[0]) if pods.cleaners else None,
        )

    async def _store_observations(self) -> None:
        """Write the observations that are due, side by side: a slot that is free meanwhile waits for them."""
        self._trials = dict(self._around.cache.trials(self._uid))
        due = self._around.reports.due_trials(self._uid)
        await _all(self._store_those_of(self._trials[name]) for name in due)

    async def _store_those_of(self, trial: Trial) -> None:
        await self._write_trial(trial.name, self._around.reports.merged(trial))
        self._around.reports.stored(trial)

    async def _carry_out(self, planned: Sequence[Action]) -> None:
        """Carry a plan out: results in their order, then the question, then all other records, then what takes effect.

        What has its effect on runs comes last, because the records are its intent.
        """
        for action in planned:
            if _is_result(action):
                await self._write_trial(action.trial_name, action.status)
        creations = [action for action in planned if _creates(action)]
        if not creations:
            self._ask(planned)
        await _all(self._write(a) for a in planned if isinstance(a, UpdateTrial | UpdateJob) and not _is_result(a))
        await _all(self._end(action) for action in planned if isinstance(action, StopRun | RemoveRun | RemoveCleaner))
        if creations:
            await self._starts.run(creations)
            self._ask(planned)
        for action in planned:
            await self._do_chore(action)

    async def _write(self, action: UpdateTrial | UpdateJob) -> None:
        if isinstance(action, UpdateTrial):
            await self._write_trial(action.trial_name, action.status)
        else:
            await self._write_job(action.status)

    async def _end(self, action: StopRun | RemoveRun | RemoveCleaner) -> None:
        if isinstance(action, RemoveCleaner):
            found = [(pod["metadata"]["name"], pod["metadata"]["uid"]) for pod in self._pods.cleaners]
        else:
            found = [self._pods.uids[action.attempt_id]] if action.attempt_id in self._pods.uids else []
        for name, uid in found:
            await self._around.writes.delete(PODS, name, self._namespace, uid)

    async def _do_chore(self, action: Action) -> None:
        if isinstance(action, RemoveJob):
            await self._around.writes.delete(JOBS, self._job.name, self._namespace, self._uid)
        elif isinstance(action, StartCleaner):
            body = cleaner_pod(self._job, action.name, action.directories, self._around.pod_settings())
            await self._around.writes.create(PODS, body, self._namespace, ("AutoSearchJob", self._uid))

    async def _write_trial(self, name: str, status: TrialStatus) -> None:
        """Write a trial's status over the one that it was planned from."""
        trial = self._trials[name]
        await self._around.writes.status(TRIALS, trial.metadata, trial.status, status)
        if attempt_number(status) > attempt_number(trial.status):
            self._memory.attempt_ended()
        if status.completion_time is not None and trial.status.completion_time is None:
            self._around.metrics.trial_finished(status.state)
            self._around.reports.forget(trial)
        elif self._pods.has_ended(trial):
            self._around.reports.stored(trial)

    async def _write_job(self, status: JobStatus) -> None:
        """Write the job's status; what tells of nothing but numbers waits until the last write is a second old."""
        old = self._job.status
        if not is_urgent(old, status) and self._is_early(self._memory.written_at + JOB_WRITES_EVERY):
            return
        self._memory.written_at = self._around.clock()
        await self._around.writes.status(JOBS, self._job.metadata, old, status)
        self._reread_job(status)
        for kind, reason, message in news(old, status):
            self._around.recorder.tell(self._job, kind, reason, message)

    def _is_early(self, due: float) -> bool:
        """Say whether something that may wait has to, and ask for a pass when it need not any more.

        While a proposal is awaited, a slot is free: what takes long would only keep it so, up to a limit.
        """
        clock = self._around.clock()
        if clock >= due and self._around.proposers.asked(self._uid) is not None:
            due += _LONGEST_COURTESY
        if clock < due:
            self.wishes.within(min(due - clock, JOB_WRITES_EVERY))
            return True
        return False

    def _reread_job(self, status: JobStatus) -> None:
        """Go on with the job as it is now: a second write in this pass must name the version of the first."""
        body = self._around.cache.job(self._uid)
        job = self._memory.parsed(body)[0] if body is not None else None
        self._job = job if job is not None else self._job.replace(status=status)

    def _ask(self, planned: Sequence[Action]) -> None:
        for action in planned:
            if isinstance(action, Propose):
                records = self._memory.records(self._job, self._around.cache.trials(self._uid))
                self._around.proposers.ask(self._uid, action.question, search_of(self._job), records)

    def _wake(self, at: datetime | None, now: datetime) -> None:
        if at is not None:
            self.wishes.within(max(0.0, (at - now).total_seconds()))


def _creates(action: Action) -> bool:
    return isinstance(action, CreateTrial | StartRun)


def _is_result(action: Action) -> TypeGuard[UpdateTrial]:
    return isinstance(action, UpdateTrial) and action.status.completion_time is not None


async def _all(writes: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do writes side by side; raises the first error, once all have ended."""
    todo = list(writes)
    if len(todo) == 1:
        await todo[0]
        return
    for outcome in await asyncio.gather(*todo, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
