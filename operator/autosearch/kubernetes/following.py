"""Following a search on a cluster: the job and its trials as they change, for somebody who watches.

Owns: lists and watches, and going on after the API server or the network was away. It reads the trials' conditions for
what they wait for, so that a watcher needs no rights on pods. It draws nothing.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from autosearch.api.job import AutoSearchJob
from autosearch.api.meta import find_condition, is_true
from autosearch.api.trial import Trial
from autosearch.engine.snapshot import Run
from autosearch.kubernetes.access import Cluster
from autosearch.kubernetes.client import ApiError, Json
from autosearch.kubernetes.objects import AbsentError, in_order, is_owned, job_of, read_job, trial_of, trials_of
from autosearch.kubernetes.resources import JOBS, OPERATOR_NAME, TRIALS, Resource

AT_MOST_EVERY = 0.25
AT_LEAST_EVERY = 1.0
_TOLD_ELSEWHERE = frozenset({"TrialsRunning", "Waiting"})
"""Reasons of `Progressing` that name nothing, or what the trials' own conditions name."""
_PATIENCE = 10.0
"""Seconds that an operator has to take up a job before its absence is told."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
_PASSING = frozenset({0, 408, 409, 410, 425, 429, 500, 502, 503, 504})
"""Answers after which a list is tried again; others will not become better by themselves."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A search at one moment.

    Attributes:
        trials: in the order of their numbers.
        now: when this was seen.
        waits: why nothing happens, where neither job nor trials tell.
    """

    job: AutoSearchJob
    trials: Sequence[Trial]
    now: datetime
    waits: Sequence[str] = ()

    @property
    def finished(self) -> bool:
        """Whether the search has ended."""
        return is_true(self.job.status.conditions, "Finished")

    @property
    def waiting(self) -> list[Run]:
        """The attempts that have not started, with what they wait for."""
        return [run for trial in self.trials if (run := _waiting_run(trial)) is not None]


def _waiting_run(trial: Trial) -> Run | None:
    condition = find_condition(trial.status.conditions, "Running")
    if trial.finished or condition is None or condition.status != "False":
        return None
    return Run(trial.name, trial.spec.trial_id, reason=condition.reason, message=condition.message)


@dataclass
class _State:
    """What is known of the search; the two watches fill it."""

    job: AutoSearchJob
    trials: dict[str, Trial] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    gone: bool = False
    troubles: dict[str, str] = field(default_factory=dict)
    since: float = field(default_factory=time.monotonic)

    def take_job(self, item: Json | None) -> None:
        if item is None or item["metadata"]["uid"] != self.job.metadata.uid:
            self.gone = True
        else:
            self.job = job_of(item)

    def replace_jobs(self, items: list[Json]) -> None:
        self.take_job(items[0] if items else None)

    def change_job(self, kind: str, item: Json) -> None:
        self.take_job(None if kind == "DELETED" else item)

    def replace_trials(self, items: list[Json]) -> None:
        self.trials = {item["metadata"]["name"]: trial_of(item) for item in items if is_owned(item, self.job)}

    def change_trials(self, kind: str, item: Json) -> None:
        if kind == "DELETED":
            self.trials.pop(item["metadata"]["name"], None)
        elif is_owned(item, self.job):
            self.trials[item["metadata"]["name"]] = trial_of(item)

    def sight(self) -> Sight:
        waits = [*dict.fromkeys(self.troubles.values()), *self._silence()]
        return Sight(self.job, in_order(self.trials.values()), datetime.now(UTC), waits)

    def _silence(self) -> list[str]:
        job = self.job
        if job.spec.managed_by != OPERATOR_NAME:
            return [f"the job says managedBy: {job.spec.managed_by}, so AutoSearch leaves it alone"]
        suspended = find_condition(job.status.conditions, "Suspended")
        if suspended is not None and suspended.status == "True":
            return [f"{suspended.reason}: {suspended.message}; `autosearch resume {job.name}` goes on"]
        progressing = find_condition(job.status.conditions, "Progressing")
        if progressing is not None and progressing.status == "True" and progressing.reason not in _TOLD_ELSEWHERE:
            return [f"{progressing.reason}: {progressing.message}"]
        if not job.status.conditions and time.monotonic() - self.since > _PATIENCE:
            return ["no operator has taken up the job yet: see that one runs and serves this namespace"]
        return []


async def follow(cluster: Cluster, name: str) -> AsyncGenerator[Sight, None]:
    """Give views of a search, at most four a second and one a second at least, until it is finished.

    The last one is finished and complete: all trials were read after the job's end.

    Raises:
        ApiError: the API server refuses; an absence of it is waited out and told in `waits`.
        AbsentError: the job was deleted.
    """
    state = _State(await read_job(cluster, name))
    jobs = _watched(cluster, state, JOBS, "", f"metadata.name={name}", state.replace_jobs, state.change_job)
    trials = _watched(cluster, state, TRIALS, trials_of(name), "", state.replace_trials, state.change_trials)
    # The first view is a whole one.
    items, _ = await cluster.list(TRIALS, label_selector=trials_of(name))
    state.replace_trials(items)
    watches = [asyncio.create_task(jobs), asyncio.create_task(trials)]
    try:
        while not (sight := _seen(state, name)).finished:
            yield sight
            await asyncio.sleep(AT_MOST_EVERY)
            await _news(state, watches)
        yield await _last(cluster, state, name)
    finally:
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)


def _seen(state: _State, name: str) -> Sight:
    if state.gone:
        raise AbsentError(f"AutoSearchJob {name} was deleted")
    return state.sight()


async def _last(cluster: Cluster, state: _State, name: str) -> Sight:
    with suppress(ApiError):
        items, _ = await cluster.list(TRIALS, label_selector=trials_of(name))
        state.replace_trials(items)
    return _seen(state, name)


async def _news(state: _State, watches: Sequence[asyncio.Task[None]]) -> None:
    """Wait for a change, or until a view is due anyway; raises what ended a watch."""
    with suppress(TimeoutError):
        await asyncio.wait_for(state.changed.wait(), AT_LEAST_EVERY - AT_MOST_EVERY)
    state.changed.clear()
    for watch in watches:
        if watch.done():
            watch.result()


async def _watched(
    cluster: Cluster,
    state: _State,
    resource: Resource,
    labels: str,
    fields: str,
    replace: Callable[[list[Json]], None],
    change: Callable[[str, Json], None],
) -> None:
    """List and watch, again and again; ends by an error that time does not heal."""
    pause = _FIRST_PAUSE
    while True:
        try:
            items, version = await cluster.list(resource, label_selector=labels, field_selector=fields)
            replace(items)
            state.troubles.pop(resource.plural, None)
            state.changed.set()
            pause = _FIRST_PAUSE
            async for kind, item in cluster.watch(
                resource, resource_version=version, label_selector=labels, field_selector=fields
            ):
                if kind != "BOOKMARK":
                    change(kind, item)
                    state.changed.set()
            # A server that ends every watch at once is not to be asked without a pause.
            await asyncio.sleep(_FIRST_PAUSE)
        except ApiError as error:
            if error.status not in _PASSING:
                raise
            if error.status == 0:
                state.troubles[resource.plural] = "the API server does not answer; trying again"
                state.changed.set()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
