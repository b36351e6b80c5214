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


@dataclass(frozen=True, slots=True)
class RemoveRun:
    """Delete a run that has ended and whose outcome is in its trial's status; that it is gone already is success."""

    trial_name: str
    attempt_id: str


@dataclass(frozen=True, slots=True)
class RemoveJob:
    """Delete the job, and with it all that it owns; its output stays. That it is gone already is success."""


@dataclass(frozen=True, slots=True)
class StartCleaner:
    """Start a run without GPU that removes directories; that it exists already is success.

    Attributes:
        name: of the run's object, deterministic and a DNS label.
        directories: relative to the output root, `<job id>/<attempt id>`; one that is not there counts as removed.
    """

    name: str
    directories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveCleaner:
    """Delete a cleaner that has ended; that it is gone already is success."""

    name: str


Chore = RemoveRun | RemoveJob | StartCleaner | RemoveCleaner
"""What only `housekeeping` asks for."""
Action = UpdateTrial | UpdateJob | CreateTrial | StartRun | StopRun | Propose | Chore


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions in the order in which they must be carried out.

    Attributes:
        wake_at: when the plan may change though nothing else does; None if only events can change it.
    """

    actions: tuple[Action, ...] = ()
    wake_at: datetime | None = None
