"""The engine's snapshot of one job, made of what the cache holds.

Owns: which pods are a job's runs, and what is put in from reports that came over the network. A pod counts as the run
of a trial only if that very trial, by uid, owns it; any other pod with the job's name on it is a stray.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial
from autosearch.engine.names import attempt_id, job_id
from autosearch.engine.snapshot import Report, Run
from autosearch.engine.work import attempt_number
from autosearch.kubernetes.cache import Cache, Json, owner_uid
from autosearch.kubernetes.memory import JobMemory
from autosearch.kubernetes.pod_status import lost_at, run_of
from autosearch.kubernetes.resources import ATTEMPT_LABEL, CLEANER_LABEL, TRIAL_LABEL


@dataclass(slots=True)
class Heard:
    """What was heard of pods by other ways than their status.

    Attributes:
        finals: by pod uid: an accepted final report that its sidecar sent, and when that was accepted.
        hints: by pod uid: what its last warning says about why it waits.
    """

    finals: dict[str, tuple[Report, datetime]] = field(default_factory=dict)
    hints: dict[str, str] = field(default_factory=dict)

    def forget(self, pod_uid: str) -> None:
        """Forget a pod that is gone."""
        self.finals.pop(pod_uid, None)
        self.hints.pop(pod_uid, None)

    def keep_only(self, exists: Callable[[str], bool]) -> None:
        """Forget all pods that do not exist."""
        for uid in [uid for uid in (*self.finals, *self.hints) if not exists(uid)]:
            self.forget(uid)


@dataclass(frozen=True, slots=True)
class Pods:
    """A job's pods, sorted.

    Attributes:
        runs: what the engine sees.
        uids: by attempt id as the engine sees it: the pod's name and uid.
        cleaners: the pods that remove old models.
        lost_at: when the first of them is lost with its node, of which no event tells; None for none.
    """

    runs: tuple[Run, ...]
    uids: Mapping[str, tuple[str, str]]
    cleaners: tuple[Json, ...]
    lost_at: datetime | None = None

    def has_ended(self, trial: Trial) -> bool:
        """Say whether the attempt that is under way has ended, and its outcome is not on record."""
        current = attempt_id(trial, attempt_number(trial.status))
        return not trial.finished and any(run.attempt_id == current and not run.alive for run in self.runs)


def pods_of(job: AutoSearchJob, cache: Cache, memory: JobMemory, heard: Heard, now: datetime) -> Pods:
    """Sort the pods of a job."""
    runs: dict[str, Run] = {}
    uids: dict[str, tuple[str, str]] = {}
    cleaners: list[Json] = []
    lost: list[datetime] = []
    trials = cache.trials(job.metadata.uid or "")
    for pod in _own_pods(job, cache):
        metadata = pod["metadata"]
        gone = cache.is_departed(metadata["uid"])
        if CLEANER_LABEL in metadata["labels"]:
            if not gone:
                cleaners.append(pod)
            continue
        run = _run(pod, trials, memory, heard, now, gone=gone)
        if run is None:
            cache.settle(metadata["namespace"], job.name, metadata["uid"])
            heard.forget(metadata["uid"])
            continue
        at = lost_at(pod) if run.stopping and not gone else None
        if at is not None and at > now:
            lost.append(at)
        if run.attempt_id not in runs or not gone:
            runs[run.attempt_id] = run
            uids[run.attempt_id] = (metadata["name"], metadata["uid"])
    known = {uid for _, uid in uids.values()}
    memory.runs = {uid: kept for uid, kept in memory.runs.items() if uid in known}
    return Pods(tuple(runs.values()), uids, tuple(cleaners), min(lost, default=None))


def _own_pods(job: AutoSearchJob, cache: Cache) -> Iterator[Json]:
    """Give the pods of this very job: one of an earlier job of that name has another job id in its name."""
    prefix = f"{job_id(job)}-"
    for pod in list(cache.pods(job.metadata.namespace or "", job.name)):
        if pod["metadata"]["name"].startswith(prefix):
            yield pod


def _run(
    pod: Json, trials: Mapping[str, Trial], memory: JobMemory, heard: Heard, now: datetime, *, gone: bool
) -> Run | None:
    """Give a pod's run; None for one that is gone and whose attempt is on record."""
    labels, uid = pod["metadata"]["labels"], pod["metadata"]["uid"]
    trial = trials.get(labels.get(TRIAL_LABEL, ""))
    owned = trial is not None and owner_uid(pod, "Trial") == trial.metadata.uid
    if gone and (trial is None or not owned or not _is_open(trial, labels.get(ATTEMPT_LABEL, ""))):
        return None
    run = _remembered(pod, memory, heard.hints.get(uid, ""), now)
    run = _departed(run, now) if gone else run
    if not owned:
        return replace(run, trial_name="", attempt_id=f"{run.attempt_id}@{uid[:8]}", report=None)
    return _with_report(run, heard.finals.get(uid))


def _is_open(trial: Trial, attempt: str) -> bool:
    return not trial.finished and attempt_id(trial, attempt_number(trial.status)) == attempt


def _remembered(pod: Json, memory: JobMemory, hint: str, now: datetime) -> Run:
    """Read a pod, once for each version of it; a Terminating one anew each time, as time alone may change it."""
    uid, version = pod["metadata"]["uid"], int(pod["metadata"]["resourceVersion"])
    kept = memory.runs.get(uid)
    if kept is not None and kept[:2] == (version, hint) and not kept[2].stopping:
        return kept[2]
    run = run_of(pod, now=now, hint=hint)
    memory.runs[uid] = (version, hint, run)
    return run


def _departed(run: Run, now: datetime) -> Run:
    """Close the run of a pod that is gone: what it said last counts, and otherwise somebody took it away."""
    if not run.alive:
        return run
    return replace(
        run,
        alive=False,
        stopping=False,
        ended=now,
        held_until=now,
        disrupted=not run.doomed,
        reason=run.reason if run.disrupted or run.doomed else "PodDeleted",
        message=run.message or "the pod was deleted while it ran",
    )


def _with_report(run: Run, sent: tuple[Report, datetime] | None) -> Run:
    if sent is None or run.report is not None:
        return run
    return replace(run, report=sent[0], reported=sent[1])


def is_same_run(before: Json, after: Json) -> bool:
    """Say whether a change of a pod changes nothing of the run that it is, nor when that will be lost."""
    now = utc_now()
    run = run_of(after, now=now)
    known = ATTEMPT_LABEL in after["metadata"].get("labels", {})
    return known and not run.stopping and run_of(before, now=now) == run


def utc_now() -> datetime:
    """Give the present time."""
    return datetime.now(UTC)
