"""The log of a trial's pod, or what is left of it.

Owns: which attempt is meant, and what is told where there is no log (yet, or any more). It reads with the user's own
rights, through the API server.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass

from autosearch.api.errors import InvalidInputError, Problem
from autosearch.api.job import AutoSearchJob
from autosearch.api.meta import find_condition
from autosearch.api.trial import Attempt, Trial
from autosearch.engine.command_line import trial_container
from autosearch.engine.names import attempt_id
from autosearch.kubernetes.access import Cluster, is_missing
from autosearch.kubernetes.client import ApiError
from autosearch.kubernetes.objects import AbsentError, trial_of
from autosearch.kubernetes.resources import PODS, TRIALS, pod_name

_BAD_REQUEST = 400
_EVERY = 1.0
"""Seconds between two looks at a pod that has not started."""
_ATTEMPT = re.compile(r"(?P<trial>[0-9]+-[0-9]+)(?:-r(?P<attempt>[0-9]+))?")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose log is wanted.

    Attributes:
        trial: a trial id, an attempt id or a Trial object's name; None for the one that started last.
        best: the best trial's.
        attempt: 0 for the first; None for the trial's last.
    """

    trial: str | None = None
    best: bool = False
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """One attempt at one trial."""

    trial: Trial
    id: str

    @property
    def record(self) -> Attempt | None:
        """What the trial's status has of the attempt."""
        return next((attempt for attempt in self.trial.status.attempts if attempt.id == self.id), None)


def choose(job: AutoSearchJob, trials: Sequence[Trial], wanted: Wanted) -> Chosen:
    """Find the attempt that is meant.

    Raises:
        InvalidInputError: there is no such trial.
        AbsentError: there is no trial of that sort yet.
    """
    if wanted.best:
        return _numbered(_best(job, trials), wanted.attempt)
    if wanted.trial is None:
        return _numbered(_latest(job, trials), wanted.attempt)
    # Whatever names an attempt somewhere, in a table or in a pod's name, may be given here.
    found = _ATTEMPT.fullmatch(wanted.trial.removeprefix(f"{job.name}-{(job.metadata.uid or '')[:8]}-"))
    trial = next((trial for trial in trials if found and trial.spec.trial_id == found["trial"]), None)
    if found is None or trial is None:
        known = ", ".join(trial.spec.trial_id for trial in trials[:10]) or "none yet"
        more = ", ..." if len(trials) > 10 else ""  # noqa: PLR2004 - as many as a line holds
        raise InvalidInputError([Problem("--trial", wanted.trial, f"is no trial of {job.name}: {known}{more}")])
    number = wanted.attempt
    return _numbered(trial, int(found["attempt"]) if number is None and found["attempt"] else number)


def _numbered(trial: Trial, attempt: int | None) -> Chosen:
    if attempt is not None:
        return Chosen(trial, attempt_id(trial, attempt))
    kept = trial.status.attempts
    return Chosen(trial, kept[-1].id if kept else attempt_id(trial, 0))


def _best(job: AutoSearchJob, trials: Sequence[Trial]) -> Trial:
    name = job.status.best.trial_name if job.status.best else None
    found = next((trial for trial in trials if trial.name == name), None)
    if found is None:
        raise AbsentError(f"{job.name} has no best trial yet: none has succeeded; name one with --trial")
    return found


def _latest(job: AutoSearchJob, trials: Sequence[Trial]) -> Trial:
    starts = [(a.start_time, trial.spec.number, trial) for trial in trials for a in trial.status.attempts[-1:]]
    started = [(start, number, trial) for start, number, trial in starts if start is not None]
    if not started and not trials:
        raise AbsentError(f"{job.name} has no trial yet; `autosearch watch {job.name}` shows what it waits for")
    return max(started, key=lambda each: each[:2])[2] if started else trials[-1]


async def log_lines(
    cluster: Cluster, job: AutoSearchJob, chosen: Chosen, *, follow: bool, note: Callable[[str], None]
) -> AsyncGenerator[str, None]:
    """Give the log's lines.

    Args:
        follow: wait for the start, and for more lines until the container ends.
        note: told what a reader should know beside the log.

    Raises:
        AbsentError: there is no log; the message says why, and holds its kept end where there is one.
        ApiError: the API server refuses.
    """
    params = {"container": str(trial_container(job)["name"]), **({"follow": "true"} if follow else {})}
    told = False
    while True:
        empty, refused = True, None
        try:
            async for line in cluster.lines(PODS, pod_name(job, chosen.id), "log", params):
                empty = False
                yield line
        except ApiError as error:
            refused = error
        if refused is None and not empty:
            return
        chosen = Chosen(trial_of(await cluster.get(TRIALS, chosen.trial.name)), chosen.id)
        refusal = _refusal(job, chosen, refused)
        if refusal is None:
            return
        if not follow or _is_over(chosen):
            raise refusal
        if not told:
            note(f"waiting for attempt {chosen.id} to start")
            told = True
        await asyncio.sleep(_EVERY)


def _is_over(chosen: Chosen) -> bool:
    record = chosen.record
    return chosen.trial.finished or (record is not None and record.end_time is not None)


def _refusal(job: AutoSearchJob, chosen: Chosen, error: ApiError | None) -> AbsentError | None:
    """Say in the search's own terms why there is no log; None if there is one, which is empty.

    Raises:
        ApiError: the error, if it is of another sort.
    """
    name, record = pod_name(job, chosen.id), chosen.record
    if error is not None and is_missing(error, name):
        return AbsentError(_no_pod(chosen, name))
    if error is not None and error.status != _BAD_REQUEST:
        raise error
    # Of a pod without a node the API server gives an empty log, and no error.
    if error is None and (_is_over(chosen) or (record is not None and record.start_time is not None)):
        return None
    wait = find_condition(chosen.trial.status.conditions, "Running")
    why = f" ({wait.reason}: {wait.message})" if wait is not None and wait.status == "False" else ""
    return AbsentError(f"pod {name} has not started, so it has no log{why}; -f waits for it")


def _no_pod(chosen: Chosen, pod: str) -> str:
    record = chosen.record
    if record is None:
        count = chosen.trial.status.attempt_count
        return f"trial {chosen.trial.spec.trial_id} has no attempt {chosen.id}; it has had {count} so far"
    if not _is_over(chosen):
        return f"attempt {chosen.id} has no pod: it was not made yet, or deleted by hand"
    said = f"pod {pod} is gone: spec.podHistory keeps only the last finished pods, or somebody deleted it"
    tail = record.message.strip()
    return f"{said}; the end of its log, as the trial's status has it:\n{tail}" if tail else f"{said}; no log was kept"
