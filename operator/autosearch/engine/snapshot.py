"""What one pass of the engine sees: the job, its trials, its runs, and the answer to an earlier question.

Owns: the engine's view of the world. A shell fills it from pods or from processes; nothing here asks anybody anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from autosearch.api.errors import Problem
from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Metrics, Trial
from autosearch.search.records import Proposals


@dataclass(frozen=True, slots=True)
class Report:
    """A final report that was checked and accepted.

    Attributes:
        value: the objective's value.
        metrics: all reported numbers.
        model_path: folder of the model, relative to the output root; "" if none is kept.
        checkpoint_path: checkpoint file, relative to the output root; "" if there is none.
    """

    value: float
    metrics: Metrics
    model_path: str = ""
    checkpoint_path: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt at a trial as the shell sees it: a pod, or a local process.

    Attributes:
        trial_name: the Trial object's name.
        attempt_id: `<trial id>`, or `<trial id>-r<n>`.
        uid: identity of this very run.
        alive: whether it may still use its GPU; a run that is being ended is alive until it has.
        started: when the user's process started; None while it waits for a node or an image.
        ended: when it ended.
        exit_code: of the user's process; 128 + signal when killed.
        reason: why it waits or why it ended, one word: `Unschedulable`, `OOMKilled`, `Evicted`; "" if unknown.
        message: the same for people; for an ended run the last lines of its log.
        disrupted: it ended by no fault of its own.
        report: the accepted final report.
        reported: when that was accepted.
        refusal: why the last report that was not accepted was refused.
        diverged: that report held NaN or infinity, which is the training's fault and not the script's.
        stopping: it was told to end and has not ended yet; of an ended run: it is being removed already.
        gpus: GPUs that it holds.
        held_from: since when it holds them, which is what is billed; None: since `started`.
        held_until: until when; None: until `ended`.
        doomed: it can never start, `reason` and `message` say why: the attempt's directory exists already, the code
            cannot be copied. It is ended, and costs no retry.
    """

    trial_name: str
    attempt_id: str
    uid: str = ""
    alive: bool = True
    started: datetime | None = None
    ended: datetime | None = None
    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    disrupted: bool = False
    report: Report | None = None
    reported: datetime | None = None
    refusal: str = ""
    diverged: bool = False
    stopping: bool = False
    gpus: int = 0
    held_from: datetime | None = None
    held_until: datetime | None = None
    doomed: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What a proposal was asked for; the same question needs no second answer.

    Attributes:
        slots: how many trials are wanted.
        known: how many trials existed.
        finished: how many of them were finished.
        planned: how many the search may have in all.
        first_free: the lowest number that no trial had; it differs once somebody has deleted one.
    """

    slots: int
    known: int
    finished: int
    planned: int | None
    first_free: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the algorithm answered.

    Attributes:
        error: set when it failed or ran out of time.
        failed_at: when that was; the question is asked again half a minute later. None: never.
    """

    question: Question
    proposals: Proposals = field(default_factory=Proposals)
    error: str = ""
    failed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CleanerRun:
    """The run that removes old models, of which a job has at most one.

    Attributes:
        name: as `StartCleaner` had it; it holds how often it was tried.
        directories: what it removes, relative to the output root, as `StartCleaner` had them.
        alive: whether it may still remove something.
        succeeded: it ended, and the directories are gone.
        message: why it failed, for people.
        ended: when it ended; the next try is a minute later. None: at once.
    """

    name: str
    directories: tuple[str, ...]
    alive: bool = True
    succeeded: bool = False
    message: str = ""
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why the API server takes no new runs. The shell tries again with back-off, and clears it when one was taken.

    Attributes:
        kind: `wait`: it may pass by itself (quota, an admission webhook); `fatal`: the template is refused, and no try
            will change that.
        reason: one word that is not among `work.ENDINGS`: `QuotaExceeded`, `AdmissionRefused`.
        message: what the API server answered.
    """

    kind: Literal["wait", "fatal"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something that its user should know of a job that starts; it becomes the condition `Warning`.

    Attributes:
        reason: one word: `VolumeHeldByOneNode`.
        message: a sentence for people.
    """

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One consistent view of a job.

    Attributes:
        trials: all Trial objects of the job.
        runs: all runs of the job that are known, ended ones included, at most one for each attempt.
        answer: the newest answer of the algorithm, kept by the shell until the next one.
        asked: the question that is being worked on; None when the worker is idle.
        model_root: address of the output root, in front of which `best.modelURI` is put; "" if models have none.
        draining: somebody wants an end: what runs may go on, nothing new is started.
        blocked: why no run can be started at present.
        problems: what is wrong with the spec although it was accepted: a job that has not started fails with them, one
            that has starts nothing more until they are gone.
        notes: what to warn of.
        cleaner: the run that removes old models, ended or not.
    """

    job: AutoSearchJob
    trials: Sequence[Trial] = ()
    runs: Sequence[Run] = ()
    answer: Answer | None = None
    asked: Question | None = None
    model_root: str = ""
    draining: bool = False
    blocked: Blocked | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[Note, ...] = ()
    cleaner: CleanerRun | None = None
