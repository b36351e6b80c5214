"""A world for the engine: objects, runs and time, without a shell; it can do to a search what clusters do."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from autosearch.api.job import AutoSearchJob, JobStatus
from autosearch.api.meta import is_true
from autosearch.api.trial import FINAL_STATES, Trial, TrialStatus
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
from autosearch.engine.memo import Memo
from autosearch.engine.names import output_directory
from autosearch.engine.observations import with_observation
from autosearch.engine.plan import plan
from autosearch.engine.snapshot import Answer, Blocked, CleanerRun, Question, Report, Run, Snapshot
from autosearch.search.propose import record_of, search_of
from autosearch.search.registry import algorithm_of

START = datetime(2026, 1, 1, tzinfo=UTC)


def a_job(**spec: object) -> AutoSearchJob:
    """Make a job; keyword arguments are fields of its spec, in the API's names."""
    fields = {
        "objective": {"metric": "acc", "direction": "Maximize"},
        "parameters": [{"name": "lr", "float": {"min": 0.001, "max": 1.0, "scale": "Log"}}],
        "algorithm": {"random": {}},
        "maxTrials": 6,
        "parallelTrials": 2,
        "seed": 1,
        "template": {"spec": {"containers": [{"name": "trial", "command": ["python", "train.py"]}]}},
    }
    fields.update(spec)
    fields = {name: value for name, value in fields.items() if value is not None}
    document = {
        "apiVersion": "autosearch.dev/v1alpha1",
        "kind": "AutoSearchJob",
        "metadata": {"name": "demo", "uid": "0123456789abcdef", "generation": 1},
        "spec": fields,
    }
    return AutoSearchJob.from_dict(document)


@dataclass
class World:
    """The truth, and the accidents that may happen to it."""

    job: AutoSearchJob
    now: datetime = START
    trials: dict[str, Trial] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    answer: Answer | None = None
    asked: Question | None = None
    seen: dict[str, Run] = field(default_factory=dict)
    accepted: dict[str, float] = field(default_factory=dict)
    starts: list[str] = field(default_factory=list)
    memo: Memo = field(default_factory=Memo)
    trial_of: dict[str, str] = field(default_factory=dict)
    blocked: Blocked | None = None
    cleaner: CleanerRun | None = None
    cleaners: int = 0
    gone: set[str] = field(default_factory=set)

    def snapshot(self, stale: bool = False) -> Snapshot:
        """Give the view of a shell; a stale one may miss what runs did since the last look, never its own acts."""
        runs = [self.seen.get(name, run) if stale else run for name, run in self.runs.items()]
        if not stale:
            self.seen = dict(self.runs)
        trials = list(self.trials.values())
        return Snapshot(self.job, trials, runs, self.answer, self.asked, blocked=self.blocked, cleaner=self.cleaner)

    def reconcile(self, crash_after: int | None = None, stale: bool = False) -> Sequence[Action]:
        """Make a pass; a crash leaves out all actions after some."""
        seen = self.snapshot(stale)
        made = plan(seen, self.now, self.memo)
        tidied = housekeeping(seen, self.now, self.memo, made)
        actions = (*made.actions, *tidied.actions)
        for action in actions[:crash_after]:
            self.carry_out(action)
        if crash_after is not None:
            self.asked = None
        return actions

    def carry_out(self, action: Action) -> None:
        """Do what the engine asked for, and check what must never be."""
        if isinstance(action, UpdateTrial):
            assert TrialStatus.from_dict(action.status.to_dict()) == action.status, "what is written can be read"
            self._update_trial(action)
        elif isinstance(action, UpdateJob):
            assert JobStatus.from_dict(action.status.to_dict()) == action.status, "what is written can be read"
            if is_true(action.status.conditions, "Finished"):
                assert not self.alive(), "a search is finished only when no run is alive"
            self.job = self.job.replace(status=action.status)
        elif isinstance(action, CreateTrial):
            self.trials.setdefault(action.trial.name, action.trial)
        elif isinstance(action, StartRun):
            self._start(action)
        elif isinstance(action, StopRun):
            run = self.runs.get(action.attempt_id)
            if run is not None and run.alive:
                self.runs[action.attempt_id] = replace(run, stopping=True)
        elif isinstance(action, Propose):
            self.asked = action.question
        else:
            self._tidy_up(action)

    def _tidy_up(self, action: Action) -> None:
        if isinstance(action, RemoveRun):
            self._remove(action)
        elif isinstance(action, RemoveJob):
            assert self.finished(), "only a finished job is removed"
            self.job = self.job.replace(metadata=self.job.metadata.replace(deletion_timestamp=self.now))
        elif isinstance(action, StartCleaner):
            assert self.cleaner is None, "one cleaner at a time"
            assert len(action.name) <= 63, "a name is a DNS label"
            self.cleaner, self.cleaners = CleanerRun(action.name, action.directories), self.cleaners + 1
        elif isinstance(action, RemoveCleaner):
            assert self.cleaner is None or (self.cleaner.name == action.name and not self.cleaner.alive)
            self.cleaner = None

    def _remove(self, action: RemoveRun) -> None:
        assert not self.runs[action.attempt_id].alive, "only ended runs are removed"
        status = self.trials[action.trial_name].status
        closed = [attempt.id for attempt in status.attempts if attempt.end_time]
        assert status.completion_time or action.attempt_id in closed, "its outcome is on record"
        best = self.job.status.best
        own = best is not None and best.trial_name == action.trial_name and closed[-1] == action.attempt_id
        assert not own, "the best trial's run is kept"
        del self.runs[action.attempt_id]
        self.seen.pop(action.attempt_id, None)

    def clean(self, message: str = "") -> None:
        """Let the cleaner end: well, unless there is a message."""
        cleaner = self.cleaner
        if cleaner is None or not cleaner.alive:
            return
        if not message:
            used = {output_directory(self.job, run.attempt_id) for run in self.alive()}
            assert used.isdisjoint(cleaner.directories), "nobody writes to what is removed"
            self.gone |= set(cleaner.directories)
        self.cleaner = replace(cleaner, alive=False, succeeded=not message, message=message, ended=self.now)

    def _update_trial(self, action: UpdateTrial) -> None:
        old = self.trials[action.trial_name]
        if old.status.state in FINAL_STATES:
            bare = action.status.replace(
                attempts_removed=old.status.attempts_removed,
                output_removed=old.status.output_removed,
                model_path=old.status.model_path,
            )
            assert bare == old.status, "a final state is written once, only output may go later"
            self.trials[action.trial_name] = old.replace(status=action.status)
            return
        completed = action.status.completion_time
        if completed is not None:
            others = [t.status.completion_time for t in self.trials.values() if t.status.completion_time]
            assert all(completed > other for other in others), "completion times order trials"
        self.trials[action.trial_name] = old.replace(status=action.status)

    def _start(self, action: StartRun) -> None:
        assert action.trial_name in self.trials, "a run has a trial: intent is written before effect"
        if action.attempt_id in self.runs:
            return
        self.runs[action.attempt_id] = Run(action.trial_name, action.attempt_id, uid=f"uid-{len(self.starts)}", gpus=1)
        self.starts.append(action.attempt_id)
        self.trial_of[action.attempt_id] = action.trial_name
        resumed = "/".join(action.resume_checkpoint_path.split("/")[:2])
        assert resumed not in self.gone, "what a run starts from was not removed"
        assert len(self.alive()) <= self.job.spec.parallelism, "never more live runs than parallelTrials"
        mine = [run for run in self.alive() if run.trial_name == action.trial_name]
        assert len(mine) == 1, "never two live runs of one trial"

    def alive(self) -> list[Run]:
        """Give the runs that are alive in truth."""
        return [run for run in self.runs.values() if run.alive]

    def think(self) -> None:
        """Let the algorithm answer."""
        if self.asked is None:
            return
        search = search_of(self.job)
        records = [record_of(trial, search.metric) for trial in self.trials.values()]
        proposals = algorithm_of(search.algorithm).propose(search, records, self.asked.slots)
        self.answer, self.asked = Answer(self.asked, proposals), None

    def begin(self, run: Run) -> None:
        """Let a run's process start."""
        self.runs[run.attempt_id] = replace(run, started=self.now)

    def doom(self, run: Run, reason: str) -> None:
        """Let it turn out that a run can never start."""
        self.runs[run.attempt_id] = replace(run, doomed=True, reason=reason, message=f"{reason} of {run.attempt_id}")

    def report(self, run: Run, value: float) -> None:
        """Let a run's final report be accepted; the first one counts."""
        if run.report is None:
            directory = output_directory(self.job, run.attempt_id)
            report = Report(value, {"acc": value}, directory, f"{directory}/model.pkl")
            self.runs[run.attempt_id] = replace(run, report=report, reported=self.now)
            self.accepted[run.attempt_id] = value

    def end(self, run: Run, exit_code: int, disrupted: bool = False) -> None:
        """Let a run's process end."""
        started = run.started or self.now
        self.runs[run.attempt_id] = replace(
            run, alive=False, started=started, ended=self.now, exit_code=exit_code, disrupted=disrupted
        )

    def vanish(self, run: Run) -> None:
        """Let a run be deleted by hand, together with everything that it knew."""
        self.runs.pop(run.attempt_id)
        self.seen.pop(run.attempt_id, None)
        self.accepted.pop(run.attempt_id, None)

    def observe(self, run: Run, step: int, value: float) -> None:
        """Let a progress report be stored."""
        trial = self.trials[run.trial_name]
        if trial.status.state == "Running":
            self.trials[trial.name] = trial.replace(status=with_observation(trial.status, step, {"acc": value}))

    def tick(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def converge(self) -> None:
        """Plan, carry out and answer until there is nothing to do; that must come soon, as nothing else happens."""
        for _ in range(8):
            if not self.reconcile():
                return
            self.think()
        raise AssertionError("the plan of a world in which nothing happens does not become empty")

    def finished(self) -> bool:
        """Say whether the search has its final state."""
        return is_true(self.job.status.conditions, "Finished")

    def live(self, rounds: int, rng: random.Random, fail: float) -> None:
        """Be a fair world for some rounds: runs start, report or fail, and end."""
        for _ in range(rounds):
            self.converge()
            for run in self.alive():
                self._advance(run, rng, fail)
            self.clean()
            self.tick(1)

    def settle(self, rng: random.Random, rounds: int = 3000, fail: float = 0.0) -> None:
        """Be a fair and healthy world until the search is finished."""
        for _ in range(rounds):
            if self.finished():
                return
            self.live(1, rng, fail)
        raise AssertionError(f"the search does not end: {self.job.status}")

    def _advance(self, run: Run, rng: random.Random, fail: float) -> None:
        if run.stopping:
            self.end(run, 143)
        elif run.started is None:
            self.begin(run)
        elif run.report is not None or rng.random() < fail:
            self.end(run, 0 if run.report else 1)
        else:
            self.report(run, rng.random())
