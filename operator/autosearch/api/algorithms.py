"""How the next trials are chosen, and which running ones are stopped early: two unions of objects.

Owns: the settings with their bounds and defaults. The algorithms themselves live in `autosearch.search`.
"""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from autosearch.api.base import Count, Model, Positive, not_exactly_one

Unit = Annotated[float, Field(ge=0, le=1)]
Population = Annotated[Positive, Field(le=1000)]
Rounds = Annotated[Positive, Field(le=10_000)]


class Auto(Model):
    """AutoSearch chooses by the search space and the budget; the choice is shown in each trial's `sampler`."""


class Random(Model):
    """Independent draws from the search space."""


class Grid(Model):
    """Every point of a finite space once; floats need a `step`."""


class Sobol(Model):
    """A low-discrepancy sequence: as cheap as random, spread more evenly."""


class Tpe(Model):
    """Tree-structured Parzen Estimator: learns which regions do well, cheap at thousands of trials.

    Attributes:
        startup_trials: trials drawn at random before the estimator takes over.
    """

    startup_trials: Count = 10


class Gp(Model):
    """Gaussian process: for few, expensive trials.

    Attributes:
        startup_trials: trials drawn at random before the process takes over.
    """

    startup_trials: Count = 10


class Cmaes(Model):
    """Covariance matrix adaptation.

    Attributes:
        population: trials of one generation.
        rounds: generations.
        step_size: width of the first generation around the middle; 1.0 is a sixth of the range.
    """

    population: Population = 8
    rounds: Rounds = 10
    step_size: Annotated[float, Field(gt=0, le=10)] = 1.0


class Pso(Model):
    """Particle swarm.

    Attributes:
        population: particles, each a trial in every round.
        rounds: steps that each particle makes.
        inertia: share of its speed that a particle keeps.
        global_acceleration: pull to the best place that any particle has found.
        local_acceleration: pull to the best place that the particle itself has found.
    """

    population: Population = 8
    rounds: Rounds = 10
    inertia: Annotated[float, Field(gt=0, le=1)] = 0.5
    global_acceleration: Annotated[float, Field(gt=0, le=4)] = 1.5
    local_acceleration: Annotated[float, Field(gt=0, le=4)] = 1.5


class Pbt(Model):
    """Population Based Training: after each round the worst `quantile` inherits weights and parameters from the best.

    Attributes:
        population: members trained side by side.
        rounds: trials that each member goes through.
        quantile: share of the population that is replaced, at most a half.
        explore_probability: chance that an inheriting member draws all parameters anew instead of moving them a little.
        mode: `Asynchronous` never waits for the slowest member; `Synchronous` has a barrier after each round.
        perturb_interval: passed to the script as `--perturb_interval`, the epochs of one trial; absent: not passed.
    """

    population: Population = 8
    rounds: Rounds = 10
    quantile: Annotated[float, Field(gt=0, le=0.5)] = 0.25
    explore_probability: Unit = 0.25
    mode: Literal["Asynchronous", "Synchronous"] = "Asynchronous"
    perturb_interval: Positive | None = None


AlgorithmSettings = Auto | Random | Grid | Sobol | Tpe | Gp | Cmaes | Pso | Pbt
AlgorithmName = Literal["auto", "random", "grid", "sobol", "tpe", "gp", "cmaes", "pso", "pbt"]
ALGORITHMS: tuple[AlgorithmName, ...] = get_args(AlgorithmName)


def _exactly_one(model: Model, names: tuple[str, ...]) -> None:
    wrong = not_exactly_one(names, [name for name in names if getattr(model, name) is not None])
    if wrong:
        raise ValueError(wrong)


class Algorithm(Model):
    """Exactly one algorithm, with its settings: `{tpe: {startupTrials: 20}}`."""

    auto: Auto | None = None
    random: Random | None = None
    grid: Grid | None = None
    sobol: Sobol | None = None
    tpe: Tpe | None = None
    gp: Gp | None = None
    cmaes: Cmaes | None = None
    pso: Pso | None = None
    pbt: Pbt | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        _exactly_one(self, ALGORITHMS)
        return self

    @property
    def name(self) -> AlgorithmName:
        """The one that is given."""
        return next(name for name in ALGORITHMS if getattr(self, name) is not None)

    @property
    def settings(self) -> AlgorithmSettings:
        """The settings of the one that is given."""
        settings: AlgorithmSettings = getattr(self, self.name)
        return settings

    @property
    def population(self) -> Cmaes | Pso | Pbt | None:
        """The settings, if this algorithm works in rounds of a population."""
        settings = self.settings
        return settings if isinstance(settings, Cmaes | Pso | Pbt) else None


class Median(Model):
    """Stop a trial whose best value so far is worse than the median of the others at the same step.

    Attributes:
        startup_trials: trials that must have finished before any is stopped.
        warmup_steps: steps of each trial in which it is not stopped.
    """

    startup_trials: Count = 5
    warmup_steps: Count = 0


class Asha(Model):
    """Successive halving without waiting: at each rung only the best 1/`reductionFactor` go on.

    Attributes:
        min_resource: step of the first rung.
        reduction_factor: each rung is so many times further than the one before.
    """

    min_resource: Positive = 1
    reduction_factor: Annotated[Positive, Field(ge=2)] = 3


class Hyperband(Model):
    """Successive halving with several first rungs, up to `maxResource` steps.

    Attributes:
        min_resource: step of the earliest rung.
        max_resource: steps of a trial that is never stopped; greater than `minResource`.
        reduction_factor: each rung is so many times further than the one before.
    """

    min_resource: Positive = 1
    max_resource: Positive
    reduction_factor: Annotated[Positive, Field(ge=2)] = 3

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.max_resource <= self.min_resource:
            raise ValueError(
                f"`maxResource` ({self.max_resource}) must be greater than `minResource` ({self.min_resource})"
            )
        return self


class Threshold(Model):
    """Stop a trial whose value leaves the given bounds; at least one of them is given.

    Attributes:
        lower: a value below this ends the trial.
        upper: a value above this ends the trial.
    """

    lower: float | None = None
    upper: float | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.lower is None and self.upper is None:
            raise ValueError("must have `lower`, `upper` or both")
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise ValueError(f"`lower` ({self.lower!r}) must be less than `upper` ({self.upper!r})")
        return self


class Patience(Model):
    """Stop a trial that has not improved for a while.

    Attributes:
        steps: reports without an improvement after which it ends.
        min_delta: what is more than this counts as an improvement, in the metric's own unit.
    """

    # A trial keeps a hundred observations, and this rule needs all of its last ones.
    steps: Annotated[Positive, Field(le=90)]
    min_delta: Annotated[float, Field(ge=0)] = 0.0


StoppingSettings = Median | Asha | Hyperband | Threshold | Patience
STOPPING_RULES = ("median", "asha", "hyperband", "threshold", "patience")


class EarlyStopping(Model):
    """Exactly one rule that ends hopeless trials, fed by the script's progress reports."""

    median: Median | None = None
    asha: Asha | None = None
    hyperband: Hyperband | None = None
    threshold: Threshold | None = None
    patience: Patience | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        _exactly_one(self, STOPPING_RULES)
        return self

    @property
    def settings(self) -> StoppingSettings:
        """The settings of the rule that is given."""
        rules = (self.median, self.asha, self.hyperband, self.threshold, self.patience)
        return next(rule for rule in rules if rule is not None)
