"""What sidecars send over the network, on its way into trials.

Owns: progress that is not written yet, accepted final reports that no pod status tells yet, and the answer whether a
trial is to stop. All of it may be lost: a sidecar says it again, or says it in its termination message. It writes
nothing itself.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from autosearch.api.job import AutoSearchJob
from autosearch.api.meta import find_condition
from autosearch.api.trial import Trial, TrialStatus
from autosearch.engine.names import attempt_id, job_id
from autosearch.engine.snapshot import Report
from autosearch.engine.work import attempt_number
from autosearch.kubernetes.cache import Cache, Json, owner_uid
from autosearch.kubernetes.progress_store import ProgressStore, key
from autosearch.kubernetes.report_body import PodIdentity
from autosearch.kubernetes.report_server import StopAnswer
from autosearch.kubernetes.resources import ATTEMPT_LABEL, JOB_LABEL, TRIAL_LABEL
from autosearch.kubernetes.view import Heard, Pods
from autosearch.reporting.messages import FinalReport, ProgressReport

_ENDED = ("Succeeded", "Failed")


class Reports:
    """Everything that was heard over the network; the report server's two counterparts in one."""

    def __init__(
        self,
        cache: Cache,
        heard: Heard,
        job_of: Callable[[str], AutoSearchJob | None],
        wanted: Callable[[str, float], None],
        clock: Callable[[], float],
    ) -> None:
        """Prepare.

        Args:
            job_of: gives a job by its uid.
            wanted: told a job's uid and the seconds within which it wants a pass.
            clock: a monotonic clock, in seconds.
        """
        self._cache = cache
        self._heard = heard
        self._job_of = job_of
        self._wanted = wanted
        self._clock = clock
        self._store = ProgressStore()
        self._unwritten: dict[str, set[str]] = {}

    def pod(self, namespace: str, name: str, uid: str) -> PodIdentity | None:
        """Give the pod of an attempt with this very uid; None if it is not there, or not managed by us."""
        body = self._cache.pod(uid)
        found = self._owner(body) if body is not None else None
        if body is None or found is None:
            return None
        metadata = body["metadata"]
        if (metadata["namespace"], metadata["name"]) != (namespace, name):
            return None
        job, trial = found
        return PodIdentity(
            namespace=namespace,
            name=name,
            uid=uid,
            job=job.name,
            job_id=job_id(job),
            trial=trial.name,
            attempt=metadata["labels"].get(ATTEMPT_LABEL, ""),
            metric=job.spec.objective.metric,
            alive=body.get("status", {}).get("phase") not in _ENDED,
        )

    def progress(self, pod: PodIdentity, report: ProgressReport) -> StopAnswer:
        """Take one step's metrics, and say what the plan has decided so far.

        A pod whose attempt is over, such as one on a node that was lost, may still speak: its steps and checkpoints are
        not those of the attempt that runs in its place.
        """
        body = self._cache.pod(pod.uid)
        found = self._owner(body) if body is not None else None
        if found is None or pod.attempt != attempt_id(found[1], attempt_number(found[1].status)):
            return StopAnswer()
        job, trial = found
        due = self._store.add(job, trial, report)
        job_uid = job.metadata.uid or ""
        if due is not None:
            self._unwritten.setdefault(job_uid, set()).add(trial.name)
            self._wanted(job_uid, max(0.0, due - self._clock()))
        request = find_condition(trial.status.conditions, "StopRequested")
        return StopAnswer() if request is None else StopAnswer(stop=True, reason=request.message)

    def final(self, pod: PodIdentity, report: FinalReport, reported: float) -> StopAnswer:
        """Take a result; the first one of a pod counts."""
        if pod.uid not in self._heard.finals:
            kept = Report(report.value, report.metrics, report.model_path, report.checkpoint_path)
            # A clock that is ahead of ours must not keep a pod that hangs for longer.
            time = min(datetime.fromtimestamp(reported, UTC), datetime.now(UTC))
            self._heard.finals[pod.uid] = (kept, time)
            uid = self._cache.job_uid(pod.namespace, pod.job)
            if uid is not None:
                self._wanted(uid, 0.0)
        return StopAnswer()

    def due_trials(self, job_uid: str) -> list[str]:
        """Give the trials of a job whose observations are to be written now; asks for a pass for the others."""
        now, due = self._clock(), []
        trials = self._cache.trials(job_uid)
        for name in sorted(self._unwritten.get(job_uid, ())):
            at = self._store.due(trials[name]) if name in trials else None
            if at is None:
                self._unwritten[job_uid].discard(name)
            elif at <= now:
                due.append(name)
            else:
                self._wanted(job_uid, at - now)
        return due

    def merged(self, trial: Trial) -> TrialStatus:
        """Give a trial's status with the observations that are to be written."""
        return self._store.take(trial)

    def with_last_words(self, job_uid: str, trials: Mapping[str, Trial], pods: Pods) -> dict[str, Trial]:
        """Give a job's trials, and in those whose attempt has ended all that they reported: it is written with the end.

        The next attempt may start from a checkpoint that was reported a moment ago, and later trials are judged by all
        that this one has reported.
        """
        whole = dict(trials)
        for name in self._unwritten.get(job_uid, ()):
            if name in trials and pods.has_ended(trials[name]):
                whole[name] = trials[name].replace(status=self._store.take(trials[name], ended=True))
        return whole

    def stored(self, trial: Trial) -> None:
        """Note that they were written, or need not be any more."""
        now = self._clock()
        self._store.stored(trial, now)
        due = self._store.due(trial)
        owner = next((each.uid for each in trial.metadata.owner_references or () if each.controller), None)
        if due is not None and owner is not None:
            # What came behind a rung is written by the next pass.
            self._wanted(owner, max(0.0, due - now))

    def drop(self, job_uid: str) -> None:
        """Forget a job that is gone."""
        self._unwritten.pop(job_uid, None)
        self._store.keep_only({key(t) for uid in self._unwritten for t in self._cache.trials(uid).values()})

    def forget(self, trial: Trial) -> None:
        """Forget a trial that has finished or is gone."""
        self._store.forget(trial)

    def _owner(self, body: Json) -> tuple[AutoSearchJob, Trial] | None:
        """Give the job and the trial that own a pod, if they exist."""
        metadata = body["metadata"]
        labels = metadata.get("labels", {})
        uid = self._cache.job_uid(metadata["namespace"], labels.get(JOB_LABEL, ""))
        job = self._job_of(uid) if uid is not None else None
        trial = self._cache.trials(uid).get(labels.get(TRIAL_LABEL, "")) if uid is not None else None
        if job is None or trial is None or owner_uid(body, "Trial") != trial.metadata.uid:
            return None
        return job, trial
