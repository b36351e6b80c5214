"""`Trial`: one parameter set to be trained once, and what came of it.

Owns: the Trial object. Its spec never changes; its result and completion time are written once, together.
"""

from typing import Annotated, Literal

from pydantic import Field

from autosearch.api.base import Count, Int, Message, Model, Path, ScalarValue, Short, Time
from autosearch.api.meta import Condition, ObjectMeta

API_VERSION = "autosearch.dev/v1alpha1"
TrialState = Literal["Pending", "Running", "Succeeded", "EarlyStopped", "Failed", "Stopped"]
FINAL_STATES: frozenset[TrialState] = frozenset({"Succeeded", "EarlyStopped", "Failed", "Stopped"})
Operation = Literal["Init", "Continue", "Exploit", "Restart"]
MAX_ATTEMPTS_KEPT = 10
MAX_OBSERVATIONS = 100
Values = dict[str, ScalarValue]
Metrics = dict[str, float]


class Resume(Model):
    """Where a PBT trial's weights come from: a trial, and the checkpoint file that it reported.

    Attributes:
        trial_name: name of the parent Trial object.
        checkpoint_path: relative to the output root.
    """

    trial_name: Short
    checkpoint_path: Path


class TrialSpec(Model):
    """What is to be run; immutable.

    Attributes:
        job_name: the search that this trial belongs to.
        number: position in the search, from 0, without gaps.
        trial_id: `<round>-<index>`; the first attempt sees it as `--trial_id`.
        round: generation, for population algorithms; else 0.
        member: index in the population; else the number.
        parameters: one value for each searched parameter.
        sampler: the algorithm that made the proposal.
        operation: PBT: how the member came to these parameters.
        resume: PBT: the checkpoint that this trial starts from.
        finished_seen: how many finished trials the proposal knew, in order of completion time: enough to replay it.
    """

    job_name: Short
    number: Count
    trial_id: Annotated[str, Field(pattern=r"^[0-9]+-[0-9]+$", max_length=32)]
    round: Count = 0
    member: Count = 0
    parameters: Values
    sampler: Short
    operation: Operation = "Init"
    resume: Resume | None = None
    finished_seen: Count = 0


class Attempt(Model):
    """One run of a trial: a pod, or a local process.

    Attributes:
        id: attempt id, `<trial id>` or `<trial id>-r<n>`; names the run's own directory.
        pod_uid: identity of the pod (locally: of the process record).
        reason: empty while it runs; while it is being ended, and afterwards, why: `Reported`, `ScriptFailed`,
            `OOMKilled`, ...
        message: the same for people, with the end of the log where the attempt failed.
        exit_code: of the trial container; 128 + signal when killed.
        start_time: when the run was seen to start.
        end_time: when its last container ended.
    """

    id: Short
    # `podUID`, as Kubernetes writes initialisms.
    pod_uid: Annotated[str, Field(max_length=253)] = Field(default="", alias="podUID")
    reason: Annotated[str, Field(max_length=128)] = ""
    message: Message = ""
    exit_code: Int | None = None
    start_time: Time | None = None
    end_time: Time | None = None


class Observation(Model):
    """What the script reported at one step.

    Attributes:
        step: the script's own count, such as an epoch.
        metrics: all values of that step by name.
    """

    step: Count
    metrics: Metrics


class Usage(Model):
    """Run time of all ended attempts: what a platform may bill.

    Attributes:
        trial_seconds: seconds from each pod's start to its end.
        gpu_seconds: the same times the GPUs that each attempt held.
    """

    trial_seconds: Annotated[float, Field(ge=0)] = 0.0
    gpu_seconds: Annotated[float, Field(ge=0)] = 0.0


class TrialStatus(Model):
    """What is known of a trial.

    Attributes:
        state: summary for people and for `kubectl get`.
        conditions: what is known in detail; `StopRequested` says why a running trial is to end early.
        value: the objective's value; written once with `completionTime`.
        metrics: all values of the final report by name.
        observations: at most 100 progress reports, thinned evenly, the last one always kept.
        attempts: the last ten runs.
        attempt_count: runs so far, all of them.
        failed_attempts: those that failed by themselves; lost and evicted ones do not count.
        model_path: folder of the saved model, relative to the output root; absent once it was removed.
        checkpoint_path: file reported as checkpoint, relative to the output root.
        last_checkpoint_path: the newest checkpoint of a progress report, for `retryFrom: LastCheckpoint`.
        usage: of all attempts, also of those that `attempts` no longer holds.
        attempts_removed: attempts whose output directories were removed, the earliest ones, because of
            `keepBestModels`.
        output_removed: true once those of all attempts are gone, the model and checkpoints with them.
        start_time: when the first attempt started.
        completion_time: when the trial got its final state; unique in the search, so that it orders the trials.
    """

    state: TrialState = "Pending"
    conditions: list[Condition] = Field(default_factory=list)
    value: float | None = None
    metrics: Metrics | None = None
    observations: Annotated[list[Observation], Field(max_length=MAX_OBSERVATIONS)] = Field(default_factory=list)
    attempts: Annotated[list[Attempt], Field(max_length=MAX_ATTEMPTS_KEPT)] = Field(default_factory=list)
    attempt_count: Count = 0
    failed_attempts: Count = 0
    model_path: Path | None = None
    checkpoint_path: Path | None = None
    last_checkpoint_path: Path | None = None
    usage: Usage = Field(default_factory=Usage)
    attempts_removed: Count = 0
    output_removed: bool = False
    start_time: Time | None = None
    completion_time: Time | None = None


class Trial(Model):
    """One parameter set to be trained once."""

    api_version: Literal["autosearch.dev/v1alpha1"] = "autosearch.dev/v1alpha1"
    kind: Literal["Trial"] = "Trial"
    metadata: ObjectMeta
    spec: TrialSpec
    status: TrialStatus = Field(default_factory=TrialStatus)

    @property
    def name(self) -> str:
        """The object's name."""
        return self.metadata.name

    @property
    def finished(self) -> bool:
        """Whether the trial has its final state."""
        return self.status.completion_time is not None
