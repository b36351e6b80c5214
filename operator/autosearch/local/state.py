"""What a runner knows of its search: in memory for each pass, and on disk for its successor.

Owns: the job, its trials and its runs, always written before they are believed. It decides nothing: what they become
is the engine's plan or what a process did.
"""

import errno
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from autosearch.api.errors import EnvironmentFaultError
from autosearch.api.job import AutoSearchJob, JobStatus
from autosearch.api.trial import Trial, TrialStatus
from autosearch.engine.snapshot import Answer, Question, Run, Snapshot
from autosearch.local.changes import continued
from autosearch.local.store import Store
from autosearch.search.propose import record_of
from autosearch.search.records import TrialRecord

_FULL = (errno.ENOSPC, errno.EDQUOT)


class State:
    """The objects of one search.

    Attributes:
        job: as the engine wrote it.
        trials: by name.
        runs: by attempt id; those of finished trials are dropped once they have ended.
        fault: why nothing can be written any more.
    """

    @property
    def root(self) -> Path:
        """The output directory."""
        return self._store.root

    def __init__(self, store: Store, job: AutoSearchJob, trials: Iterable[Trial], runs: Iterable[Run]) -> None:
        self._store = store
        self.job = job
        self.trials: dict[str, Trial] = {trial.name: trial for trial in trials}
        self.runs: dict[str, Run] = {run.attempt_id: run for run in runs}
        self.fault: EnvironmentFaultError | None = None
        self._records: dict[str, tuple[TrialStatus, TrialRecord]] = {}

    @classmethod
    def open(cls, store: Store, wanted: AutoSearchJob) -> "State":
        """Begin a search, or go on with the one that is there.

        Raises:
            StateConflictError: if what is there is damaged or another search.
            EnvironmentFaultError: if it cannot be written.
        """
        found = store.job()
        job = _begun(wanted) if found is None else continued(found, wanted)
        trials = store.trials()
        finished = {trial.spec.trial_id for trial in trials if trial.finished}
        state = cls(store, job, trials, [])
        if job is not found:
            state.write_job(job.status, durable=True)
        for run in list(store.runs(finished)):
            if run.alive:
                state.write_run(_cut_off(run))
            else:
                state.note_run(run)
        return state

    def snapshot(self, answer: Answer | None, asked: Question | None, *, draining: bool = False) -> Snapshot:
        """Give the engine's view; `draining`: nothing new is to be started."""
        return Snapshot(
            self.job,
            tuple(self.trials.values()),
            tuple(self.runs.values()),
            answer,
            asked,
            model_root=str(self._store.output),
            draining=draining,
        )

    def records(self) -> list[TrialRecord]:
        """Give the algorithms' view of the trials; what did not change is not made anew."""
        metric = self.job.spec.objective.metric
        for name, trial in self.trials.items():
            known = self._records.get(name)
            if known is None or known[0] is not trial.status:
                self._records[name] = trial.status, record_of(trial, metric)
        return [self._records[name][1] for name in self.trials]

    def create_trial(self, trial: Trial, now: datetime) -> None:
        """Write a new trial, unless it is there; raises `OSError`."""
        if trial.name not in self.trials:
            identity = {"uid": str(uuid.uuid4()), "creation_timestamp": now}
            self._write_trial(trial.replace(metadata=trial.metadata.replace(**identity)))

    def write_trial(self, name: str, status: TrialStatus) -> None:
        """Write a trial's status; a result has reached the disk on return. Raises `OSError`."""
        old = self.trials[name]
        trial = old.replace(status=status)
        self._write_trial(trial, durable=trial.finished and not old.finished)
        if trial.finished:
            self.forget_runs(name)

    def _write_trial(self, trial: Trial, *, durable: bool = False) -> None:
        with self._writing(f"trials/{trial.spec.trial_id}.json"):
            self._store.save_trial(trial, durable=durable)
        self.trials[trial.name] = trial

    def write_job(self, status: JobStatus, *, durable: bool = False) -> None:
        """Write the job's status, and let `best` lead to the best model; raises `OSError`."""
        before = self.job.status.best
        self.job = self.job.replace(status=status)
        with self._writing("job.json"):
            self._store.save_job(self.job, durable=durable)
            if status.best is not None and status.best.model_path and status.best != before:
                self._store.link_best(status.best.model_path)

    def write_run(self, run: Run, *, durable: bool = False) -> None:
        """Write a run's record; raises `OSError`."""
        with self._writing(f"runs/{run.attempt_id}.json"):
            self._store.save_run(run, durable=durable)
        self.note_run(run)

    def note_run(self, run: Run) -> None:
        """Remember what need not outlive this runner."""
        self.runs[run.attempt_id] = run
        if not run.alive and (trial := self.trials.get(run.trial_name)) is not None and trial.finished:
            self.forget_runs(run.trial_name)

    def forget_runs(self, trial_name: str) -> None:
        """Drop a trial's ended runs from memory: its status has what is to be known of them."""
        for run in [run for run in self.runs.values() if run.trial_name == trial_name and not run.alive]:
            del self.runs[run.attempt_id]

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.fault = self.fault or fault_of(error, self._store.root / name)
            raise


def fault_of(error: OSError, path: Path) -> EnvironmentFaultError:
    """Say what to do about a file that cannot be written."""
    if error.errno in _FULL:
        return EnvironmentFaultError(
            f"no space is left for {path}: free some on that disk, then run the same command again; the search goes on "
            "where it was, and accepted results are kept"
        )
    return EnvironmentFaultError(
        f"{path}: cannot be written ({error.strerror or error}): see to it, then run the same command again; the "
        "search goes on where it was"
    )


def _begun(wanted: AutoSearchJob) -> AutoSearchJob:
    metadata = wanted.metadata.replace(uid=str(uuid.uuid4()), generation=1, creation_timestamp=datetime.now(UTC))
    return wanted.replace(metadata=metadata, status=JobStatus())


def _cut_off(run: Run) -> Run:
    """Close the record of a run whose runner died: it counts if its report was stored, else it was interrupted."""
    if run.report is not None:
        return replace(run, alive=False, ended=run.reported)
    return replace(
        run,
        alive=False,
        ended=datetime.now(UTC),
        disrupted=True,
        reason="Interrupted",
        message="the runner ended before this attempt did",
    )
