"""Which parameters made the difference.

Owns: the importance plot and the decision when it would mislead. Two estimates are shown, because they differ where
the data are few: fANOVA's share of variance, and the impurity that a random forest's splits on the parameter remove.
"""

from collections.abc import Mapping
from typing import Any

from autosearch.api.trial import Trial
from autosearch.search.space import Dimension, SearchSpace
from autosearch.views.plots.figure import Figure, Json, label, scale_of
from autosearch.views.standing import Standing
from autosearch.views.wording import share

LEAST_TRIALS = 20
# fANOVA's time grows with the square of the number of trials: 150 take about half a second.
MOST_TRIALS = 150
_TREES = 32


def figure(standing: Standing) -> Figure:
    """Draw the importance of each parameter, or say why it is not shown."""
    title = "Importance"
    reason = _why_not(standing)
    if reason:
        return Figure("importance", title, absent=reason)
    trials = _sample(standing)
    values = _values(standing, trials)
    if len(set(values)) == 1:
        return Figure("importance", title, absent="all trials have the same value, so no parameter made a difference")
    fanova, forest = _estimates(standing, trials, values)
    names = sorted(fanova, key=lambda name: fanova[name])
    return Figure(
        "importance",
        title,
        note=f"Share of the difference between {len(trials)} trials that each parameter explains (fANOVA).",
        data=_traces(names, fanova, forest),
        layout=_layout(names, fanova, forest),
        height=max(360, 90 + 30 * len(names)),
        width="narrow",
    )


def _why_not(standing: Standing) -> str:
    if standing.job.spec.algorithm.pbt is not None:
        return "in PBT a value comes from inherited weights more than from a trial's own parameters"
    varied = [d for d in SearchSpace.of(standing.job.spec.parameters).dimensions if d.count != 1]
    if len(varied) < 2:  # noqa: PLR2004 - one parameter explains everything by itself
        return "only one parameter was searched"
    count = len(standing.ranked)
    return "" if count >= LEAST_TRIALS else f"needs {LEAST_TRIALS} succeeded trials, there are {count}"


def _sample(standing: Standing) -> list[Trial]:
    done = sorted(standing.ranked, key=lambda trial: trial.spec.number)
    if len(done) <= MOST_TRIALS:
        return done
    return [done[i * len(done) // MOST_TRIALS] for i in range(MOST_TRIALS)]


def _values(standing: Standing, trials: list[Trial]) -> list[float]:
    """Give the values between 0 and 1: one absurd value must not pass for all of the variance, nor overflow it."""
    scale = scale_of(standing)
    return [scale.unit(trial.status.value or 0.0) for trial in trials]


def _estimates(
    standing: Standing, trials: list[Trial], values: list[float]
) -> tuple[dict[str, float], dict[str, float]]:
    import optuna
    from optuna.importance import (
        FanovaImportanceEvaluator,
        MeanDecreaseImpurityImportanceEvaluator,
        get_param_importances,
    )

    before = optuna.logging.get_verbosity()
    # Optuna announces every study on stderr.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study()
    finally:
        optuna.logging.set_verbosity(before)
    study.add_trials(_frozen(standing, trials, values))
    seeded = {"n_trees": _TREES, "seed": 0}
    evaluators = (FanovaImportanceEvaluator(**seeded), MeanDecreaseImpurityImportanceEvaluator(**seeded))
    fanova, forest = (_shares(get_param_importances(study, evaluator=evaluator)) for evaluator in evaluators)
    return fanova, forest


def _shares(found: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in found.items()}


def _frozen(standing: Standing, trials: list[Trial], values: list[float]) -> list[Any]:
    from optuna.trial import create_trial

    dimensions = [d for d in SearchSpace.of(standing.job.spec.parameters).dimensions if d.count != 1]
    distributions = {dimension.name: _distribution(dimension) for dimension in dimensions}
    return [
        create_trial(
            params={d.name: _coordinate(d, trial) for d in dimensions},
            distributions=distributions,
            value=value,
        )
        for trial, value in zip(trials, values, strict=True)
    ]


def _distribution(dimension: Dimension) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if dimension.ordered:
        return FloatDistribution(0.0, 1.0)
    return CategoricalDistribution(tuple(range(dimension.count or 1)))


def _coordinate(dimension: Dimension, trial: Trial) -> float | int:
    value = trial.spec.parameters[dimension.name]
    return dimension.to_unit(value) if dimension.ordered else dimension.index_of(value)


def _traces(names: list[str], fanova: dict[str, float], forest: dict[str, float]) -> list[Json]:
    shown = [label(name, 18) for name in names]
    return [
        {
            "type": "bar",
            "orientation": "h",
            "name": "random forest",
            "y": shown,
            "x": [round(forest.get(name, 0.0), 4) for name in names],
            "marker": {"color": "$edge"},
            "hovertemplate": "%{y}: %{x:.0%}<extra>random forest</extra>",
        },
        {
            "type": "bar",
            "orientation": "h",
            "name": "fANOVA",
            "y": shown,
            "x": [round(fanova[name], 4) for name in names],
            "text": [share(fanova[name]) for name in names],
            "textposition": "outside",
            "cliponaxis": False,
            "marker": {"color": "$accent"},
            "hovertemplate": "%{y}: %{text}<extra>fANOVA</extra>",
        },
    ]


def _layout(names: list[str], fanova: dict[str, float], forest: dict[str, float]) -> Json:
    longest = max(len(name) for name in names)
    return {
        "xaxis": {"range": [0, max(*fanova.values(), *forest.values()) * 1.22], "tickformat": ".0%", "nticks": 5},
        "yaxis": {"showgrid": False, "ticklen": 4},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "traceorder": "reversed"},
        "margin": {"l": 24 + 7 * min(longest, 18), "r": 16, "t": 36, "b": 32},
        "bargap": 0.35,
        "bargroupgap": 0.1,
    }
