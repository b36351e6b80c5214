"""What the engine may ask of a shell: a closed set of actions, and the plan that holds them.

Owns: the vocabulary between core and shells. A shell carries the actions out in order and may crash between any two
of them.
"""

from dataclasses import dataclass
from datetime import datetime

from autosearch.api.job import JobStatus
from autosearch.api.trial import Trial, TrialStatus
from autosearch.engine.snapshot import Question


@dataclass(frozen=True, slots=True)
class UpdateTrial:
    """Write a trial's status."""

    trial_name: str
    status: TrialStatus


@dataclass(frozen=True, slots=True)
class UpdateJob:
    """Write the job's status."""

    status: JobStatus


@dataclass(frozen=True, slots=True)
class CreateTrial:
    """Create a Trial object; that it exists already is success."""

    trial: Trial


@dataclass(frozen=True, slots=True)
class StartRun:
    """Start an attempt; that it exists already is success.

    Attributes:
        resume_checkpoint_path: what the script is to start from, relative to the output root; "" for nothing.
    """

    trial_name: str
    attempt_id: str
    resume_checkpoint_path: str = ""


@dataclass(frozen=True, slots=True)
class StopRun:
    """End a run with its grace period; that it is gone already is success."""

    trial_name: str
    attempt_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Propose:
    """Ask the algorithm; the answer comes with a later snapshot."""

    question: Question


Action = UpdateTrial | UpdateJob | CreateTrial | StartRun | StopRun | Propose


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions in the order in which they must be carried out.

    Attributes:
        wake_at: when the plan may change though nothing else does; None if only events can change it.
    """

    actions: tuple[Action, ...] = ()
    wake_at: datetime | None = None
