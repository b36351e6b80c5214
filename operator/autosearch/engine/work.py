"""The state of one pass: a snapshot, what the policies have decided so far, and the view of the world that follows.

Owns: the bookkeeping between policies. Each policy reads the trials as earlier policies leave them, so that one pass
can record a result, create the next trial and start it. Nothing here decides anything.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from autosearch.api.job import AutoSearchJob, JobStatus
from autosearch.api.meta import Status, find_condition, with_condition
from autosearch.api.trial import Attempt, Trial, TrialStatus
from autosearch.engine.actions import Action, CreateTrial, Plan, StopRun, UpdateJob, UpdateTrial
from autosearch.engine.census import Census
from autosearch.engine.memo import Memo
from autosearch.engine.names import attempt_id
from autosearch.engine.snapshot import Run, Snapshot
from autosearch.engine.tally import Tally

MESSAGE_KEPT = 4000
"""Characters of a message that an attempt keeps."""
_TICK = timedelta(microseconds=1)


def open_attempt(status: TrialStatus) -> Attempt | None:
    """Give the attempt that has begun and not ended, as far as the trial's status knows."""
    last = status.attempts[-1] if status.attempts else None
    return last if last is not None and last.end_time is None else None


def attempt_number(status: TrialStatus) -> int:
    """Give the number of the attempt that is under way, or comes next."""
    return status.attempt_count - 1 if open_attempt(status) else status.attempt_count


@dataclass(slots=True)
class Work:
    """What one pass knows and has decided.

    Attributes:
        census: the trials, as they are once the plan has been carried out.
        runs: by attempt id.
        status: the job's status as it will be written.
        deferred: actions that must come after all writes of status, because those record their intent.
    """

    snapshot: Snapshot
    now: datetime
    memo: Memo = field(default_factory=Memo)
    job: AutoSearchJob = field(init=False)
    status: JobStatus = field(init=False)
    census: Census = field(init=False)
    runs: dict[str, Run] = field(init=False)
    created: list[CreateTrial] = field(default_factory=list)
    deferred: list[Action] = field(default_factory=list)
    _written: dict[str, TrialStatus] = field(default_factory=dict)
    _stopped: set[str] = field(default_factory=set)
    _wake_at: datetime | None = None

    def __post_init__(self) -> None:
        self.job = self.snapshot.job
        self.status = self.job.status
        self.runs = {run.attempt_id: run for run in self.snapshot.runs}
        maximize = self.job.spec.objective.direction == "Maximize"
        self.census = self.memo.census.of(self.snapshot.trials, maximize=maximize)

    @property
    def trials(self) -> dict[str, Trial]:
        """The trials by name, as they are once the plan has been carried out."""
        return self.census.trials

    @property
    def tally(self) -> Tally:
        """The sums over the finished trials."""
        return self.census.tally

    @property
    def ending(self) -> bool:
        """Whether it was decided, in this pass or earlier, that the search ends."""
        return ending_reason(self.status) is not None

    def unfinished(self) -> list[Trial]:
        """Give the trials without a final state, in the order in which they may start: lowest round first."""
        return sorted(self.census.unfinished.values(), key=lambda trial: (trial.spec.round, trial.spec.number))

    def run_of(self, trial: Trial) -> Run | None:
        """Give the run of the attempt that is under way or comes next."""
        return self.runs.get(attempt_id(trial, attempt_number(trial.status)))

    def alive(self) -> list[Run]:
        """Give the runs that may still use a GPU."""
        return [run for run in self.runs.values() if run.alive]

    def write(self, trial: Trial, status: TrialStatus) -> Trial:
        """Change a trial's status; several changes in a pass become one write."""
        if status == trial.status:
            return trial
        # Last written, last carried out: results must become visible in the order of their completion times.
        self._written.pop(trial.name, None)
        self._written[trial.name] = status
        changed = trial.replace(status=status)
        self.census.hold(changed)
        return changed

    def amend(self, trial: Trial, status: TrialStatus) -> None:
        """Change what is known of a finished trial besides its result, which was counted."""
        self._written[trial.name] = status
        self.trials[trial.name] = trial.replace(status=status)

    def finished(self) -> list[Trial]:
        """Give the trials with a final state."""
        return [trial for trial in self.trials.values() if trial.finished]

    def create(self, trial: Trial) -> None:
        """Create a trial."""
        self.created.append(CreateTrial(trial))
        self.census.hold(trial)

    def set_condition(self, kind: str, status: Status, reason: str, message: str = "") -> None:
        """Set a condition of the job."""
        generation = self.job.metadata.generation
        conditions = with_condition(
            self.status.conditions, kind, status, reason, message, now=self.now, generation=generation
        )
        self.status = self.status.replace(conditions=conditions)

    def stop(self, trial: Trial, run: Run, reason: str, message: str = "") -> None:
        """End a run, once the reason is on record: after a crash the reason is all that tells why it ended."""
        if run.stopping or run.attempt_id in self._stopped:
            return
        self._stopped.add(run.attempt_id)
        attempt = open_attempt(trial.status) or new_attempt(run)
        self.write(trial, with_attempt(trial.status, attempt.replace(reason=reason, message=message[:MESSAGE_KEPT])))
        self.deferred.append(StopRun(run.trial_name, run.attempt_id, reason))

    def completion_time(self) -> datetime:
        """Give the next completion time: now, but always after the last one, because it orders trials."""
        last = self.tally.last_completion
        return self.now if last is None else max(self.now, last + _TICK)

    def wake(self, at: datetime) -> None:
        """Ask for another pass at a time, if the plan may have changed by then."""
        self._wake_at = at if self._wake_at is None else min(self._wake_at, at)

    def plan(self) -> Plan:
        """Give the actions in their order: results, intents, new trials, and only then what takes effect."""
        updates: list[Action] = [UpdateTrial(name, status) for name, status in self._written.items()]
        job: list[Action] = [] if self.status == self.job.status else [UpdateJob(self.status)]
        return Plan((*updates, *job, *self.created, *self.deferred), self._wake_at)


def ending_reason(status: JobStatus) -> str | None:
    """Give why the search ends, once that is decided: `Progressing=False` says it while runs are still being ended."""
    condition = find_condition(status.conditions, "Progressing")
    if condition is None or condition.status != "False" or condition.reason not in ENDINGS:
        return None
    return condition.reason


# Why a search may end, and whether it then is Complete (else Failed). A deadline is Complete only if a trial has
# succeeded.
ENDINGS = {
    "TargetReached": "Complete",
    "AllTrialsFinished": "Complete",
    "SearchSpaceExhausted": "Complete",
    "DeadlineReached": "Complete",
    "DeadlineExceeded": "Failed",
    "NoTrialSucceeded": "Failed",
    "MaxFailedTrialsExceeded": "Failed",
    "BrokenScript": "Failed",
    "InvalidSpec": "Failed",
    "InvalidTemplate": "Failed",
}


def new_attempt(run: Run) -> Attempt:
    """Make the record of a run that is seen for the first time."""
    return Attempt.model_construct(
        id=run.attempt_id, pod_uid=run.uid, reason="", message="", exit_code=None, start_time=run.started, end_time=None
    )


def with_end(attempt: Attempt, run: Run | None, now: datetime, reason: str, message: str) -> Attempt:
    """Close an attempt with what is known of its run."""
    return attempt.replace(
        reason=reason,
        message=message[-MESSAGE_KEPT:],
        exit_code=run.exit_code if run else None,
        start_time=(run.started if run else None) or attempt.start_time,
        end_time=(run.ended if run else None) or now,
        pod_uid=(run.uid if run else "") or attempt.pod_uid,
    )


def with_attempt(status: TrialStatus, attempt: Attempt) -> TrialStatus:
    """Put an attempt into a status: in place of the open one, else behind the last."""
    if open_attempt(status):
        return status.replace(attempts=[*status.attempts[:-1], attempt])
    kept = [*status.attempts, attempt][-10:]
    return status.replace(attempts=kept, attempt_count=status.attempt_count + 1)
