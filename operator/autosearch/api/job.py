"""`AutoSearchJob`: one search.

Owns: the object that users write and its status. Rules that span fields are in `autosearch.api.rules`; reading files
is in `autosearch.api.loading`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from autosearch.api.algorithms import Algorithm, EarlyStopping
from autosearch.api.base import Count, Int, Model, Path, Positive, Short, Time
from autosearch.api.meta import Condition, ObjectMeta
from autosearch.api.parameters import Parameter
from autosearch.api.trial import Usage, Values

Direction = Literal["Maximize", "Minimize"]
ArgumentsMode = Literal["Contract", "Parameters", "None"]
Framework = Literal["Sklearn", "XGBoost", "TensorFlow", "PyTorch", "Paddle"]
Access = Literal["ReadOnly", "PrivateCopy"]
RetryFrom = Literal["Scratch", "LastCheckpoint"]
JobState = Literal["Pending", "Running", "Suspended", "Complete", "Failed"]
MAX_IMPROVEMENTS = 50
MAX_TRIALS = 100_000


class Objective(Model):
    """What is optimised.

    Attributes:
        metric: name of the reported value.
        direction: `Maximize` or `Minimize`.
        target: a trial that reaches this value ends the whole search.
    """

    metric: Annotated[str, Field(min_length=1, max_length=63)]
    direction: Direction
    target: float | None = None


class Source(Model):
    """A folder from a volume.

    Attributes:
        volume: a Kubernetes volume source, such as `{persistentVolumeClaim: {claimName: datasets}}`.
        sub_path: folder inside the volume.
    """

    volume: dict[str, Any]
    sub_path: Annotated[str, Field(max_length=512, pattern=r"^[^/].*$")] | None = None


class DataSource(Source):
    """Training or test data from a volume.

    Attributes:
        volume: a Kubernetes volume source, such as `{persistentVolumeClaim: {claimName: datasets}}`.
        sub_path: folder inside the volume.
        access: `ReadOnly`, or `PrivateCopy`: each trial gets its own writable copy.
    """

    access: Access = "ReadOnly"


class PodHistory(Model):
    """Finished pods kept for their logs; the best trial's always is.

    Attributes:
        succeeded: pods of trials that succeeded, the newest ones.
        failed: pods of attempts that failed, the newest ones.
    """

    succeeded: Count = 10
    failed: Count = 10


class JobSpec(Model):
    """The search that is wanted.

    `maxTrials` is required but for `grid`, and refused with population algorithms.

    Attributes:
        objective: what is optimised.
        parameters: what is searched.
        algorithm: how the next trials are chosen; absent: `auto`.
        early_stopping: ends hopeless trials by their progress reports; absent: none. Refused with population
            algorithms.
        max_trials: trials in all. Population algorithms run population x `rounds`; `grid` all points unless this says
            fewer.
        parallel_trials: trials at once; absent: 1, with a population algorithm its population.
        max_failed_trials: the search fails when more trials than this have failed, counted after their retries; absent:
            5, with a population algorithm its population.
        retries: further attempts after an attempt that failed by itself; lost runs are repeated without counting.
        retry_from: what a failed or interrupted attempt's successor gets as `--resume_checkpoint_path`: nothing, or the
            last checkpoint that the trial reported.
        seed: makes the search repeatable; absent: made from the object's uid and shown in the status.
        data_sampling_percent: share of the training data; the script sees a ratio, `--data_sampling_scale=0.5`.
        arguments: flags appended to the trial's `args`: `Contract` all of the contract's, `Parameters` the searched
            ones alone, `None` none. The environment holds the same values in every mode.
        framework: which files a model folder must hold, as docs/write-a-script.md lists them; absent: any file.
        initial_trials: parameter sets that are tried first, whatever the algorithm.
        code: copied into each trial's working directory; locally `--code`.
        train_data: what the script finds as `train_data`; locally `--train-data`.
        test_data: what the script finds as `test_data`; locally `--test-data`.
        output: where models and checkpoints are kept; absent: they are not. Required with `pbt` and with
            `retryFrom: LastCheckpoint`.
        template: a PodTemplateSpec; the container named `trial`, else the first, is the trial and must have a
            `command`.
        trial_timeout_seconds: time limit of one attempt.
        active_deadline_seconds: time limit of the search; starts anew when it is resumed.
        ttl_seconds_after_finished: the search is deleted this long after its end; its output stays.
        keep_best_models: how many models are kept; absent: all.
        pod_history: how many finished pods are kept for their logs.
        suspend: true ends the running trials and starts no more, until it is false again.
        managed_by: who works on this object; another name makes AutoSearch leave it alone.
    """

    objective: Objective
    parameters: Annotated[list[Parameter], Field(min_length=1, max_length=64)]
    algorithm: Algorithm = Field(default_factory=lambda: Algorithm.from_dict({"auto": {}}))
    early_stopping: EarlyStopping | None = None
    max_trials: Annotated[Positive, Field(le=MAX_TRIALS)] | None = None
    parallel_trials: Annotated[Positive, Field(le=1000)] | None = None
    max_failed_trials: Count | None = None
    retries: Annotated[Count, Field(le=100)] = 1
    retry_from: RetryFrom = "Scratch"
    seed: Annotated[Int, Field(ge=0, le=2**53)] | None = None
    data_sampling_percent: Annotated[Positive, Field(le=100)] = 100
    arguments: ArgumentsMode = "Contract"
    framework: Framework | None = None
    initial_trials: Annotated[list[Values], Field(max_length=1000)] = Field(default_factory=list)
    code: Source | None = None
    train_data: DataSource | None = None
    test_data: DataSource | None = None
    output: Source | None = None
    template: dict[str, Any]
    trial_timeout_seconds: Positive | None = None
    active_deadline_seconds: Positive | None = None
    ttl_seconds_after_finished: Count | None = None
    keep_best_models: Positive | None = None
    pod_history: PodHistory = Field(default_factory=PodHistory)
    suspend: bool = False
    managed_by: Annotated[str, Field(max_length=63)] = "autosearch.dev/operator"

    @property
    def parallelism(self) -> int:
        """How many runs may be alive at once."""
        population = self.algorithm.population
        return self.parallel_trials or (population.population if population else 1)

    @property
    def failures_allowed(self) -> int:
        """How many trials may fail for good before the search gives up."""
        population = self.algorithm.population
        default = population.population if population else 5
        return default if self.max_failed_trials is None else self.max_failed_trials


class Best(Model):
    """The best succeeded trial so far.

    Attributes:
        trial_name: name of its Trial object.
        value: what it reported for the objective's metric.
        parameters: what it was trained with.
        model_path: folder of its model, relative to the output root.
        model_uri: the same as an address: `pvc://results/team-a/...`, locally a path.
        checkpoint_path: its checkpoint file, relative to the output root.
    """

    trial_name: Short
    value: float
    parameters: Values
    model_path: Path | None = None
    # `modelURI`, as Kubernetes writes initialisms.
    model_uri: Annotated[str, Field(max_length=2048)] | None = Field(default=None, alias="modelURI")
    checkpoint_path: Path | None = None


class Improvement(Model):
    """A trial that was the best when it finished.

    Attributes:
        trial_name: name of its Trial object.
        value: what it reported for the objective's metric.
        time: when it finished.
    """

    trial_name: Short
    value: float
    time: Time


class TrialCounts(Model):
    """Trials by state.

    Attributes:
        planned: how many the search will have at most; absent while nobody can know.
        created: how many there are so far, in whatever state.
        pending: trials that wait for a place, a pod or a GPU.
        running: trials whose script runs.
        succeeded: trials with an accepted final report.
        early_stopped: trials that an early-stopping rule ended.
        failed: trials whose last attempt failed.
        stopped: trials that ended with the search.
    """

    planned: Count | None = None
    created: Count = 0
    pending: Count = 0
    running: Count = 0
    succeeded: Count = 0
    early_stopped: Count = 0
    failed: Count = 0
    stopped: Count = 0


class JobStatus(Model):
    """What is known of the search. The history is in the Trial objects.

    Attributes:
        observed_generation: the spec's generation that this speaks of.
        state: summary for people and for `kubectl get`; programs read `conditions`.
        progress: finished trials and how many there will be, such as `12/80`.
        conditions: `Started`, `Suspended`, `Progressing`, `Complete`, `Failed`, and `Finished` with either of the two;
            `ModelsKept`, `Warning` and `Cleaning` where there is something to say.
        seed: the seed in effect.
        target: the objective's value that ends the search, in effect.
        trials: how many there are in each state.
        best: the best succeeded trial so far.
        improvements: the last 50 trials that were the best when they finished.
        usage: run time of all trials.
        start_time: when the search started, or last resumed: the deadline counts from here.
        completion_time: when the search ended; no run of it is alive since.
    """

    observed_generation: Count | None = None
    state: JobState = "Pending"
    progress: Annotated[str, Field(max_length=32)] = ""
    conditions: list[Condition] = Field(default_factory=list)
    seed: Int | None = None
    target: float | None = None
    trials: TrialCounts = Field(default_factory=TrialCounts)
    best: Best | None = None
    improvements: Annotated[list[Improvement], Field(max_length=MAX_IMPROVEMENTS)] = Field(default_factory=list)
    usage: Usage = Field(default_factory=Usage)
    start_time: Time | None = None
    completion_time: Time | None = None


class AutoSearchJob(Model):
    """One search over a script's hyper-parameters."""

    api_version: Literal["autosearch.dev/v1alpha1"] = "autosearch.dev/v1alpha1"
    kind: Literal["AutoSearchJob"] = "AutoSearchJob"
    metadata: ObjectMeta
    spec: JobSpec
    status: JobStatus = Field(default_factory=JobStatus)

    @property
    def name(self) -> str:
        """The object's name."""
        return self.metadata.name
