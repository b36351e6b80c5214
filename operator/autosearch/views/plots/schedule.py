"""The schedule that PBT found: each parameter along the winner's ancestry.

Owns: one small plot for each parameter. The other trials are dots in the background, at the same depth of training.
"""

from autosearch.api.base import Scalar
from autosearch.api.parameters import Boolean, Categorical, Discrete, FloatRange, IntRange, Parameter
from autosearch.api.trial import Trial
from autosearch.views.plots.ancestry import Ancestry
from autosearch.views.plots.figure import Figure, Json, label
from autosearch.views.plots.ticks import log_ticks
from autosearch.views.standing import Standing
from autosearch.views.wording import exact, short

MOST = 24
_MOST_DOTS = 1000
# A discrete parameter of so many values has a line for each: that is what it may be, and all that it may be.
_MOST_LISTED = 12
# How much of its round the last value is drawn for.
_TAIL = 0.4


def figures(standing: Standing) -> list[Figure]:
    """Draw the schedule of the best trial: no figure at all while there is none."""
    ancestry = Ancestry(standing)
    if not ancestry.winner:
        return []
    return [_one(ancestry, parameter, i) for i, parameter in enumerate(standing.job.spec.parameters[:MOST])]


def _one(ancestry: Ancestry, parameter: Parameter, index: int) -> Figure:
    return Figure(
        f"schedule-{index}",
        parameter.name,
        data=[_others(ancestry, parameter), _winner(ancestry, parameter)],
        layout=_layout(ancestry, parameter),
        height=210,
        width="small",
    )


def _plot_value(parameter: Parameter, value: Scalar | None) -> Scalar | None:
    if value is None:
        return None
    return label(exact(parameter, value), 16) if _choices(parameter) else value


def _choices(parameter: Parameter) -> list[str]:
    """Give the values of an axis that has a place for each, as text; empty for an axis of numbers."""
    domain = parameter.domain
    if isinstance(domain, Boolean):
        return ["False", "True"]
    if isinstance(domain, Categorical):
        return [label(choice, 16) for choice in domain.choices]
    if isinstance(domain, Discrete) and len(domain.values) <= _MOST_LISTED:
        return [exact(parameter, value) for value in domain.values]
    return []


def _others(ancestry: Ancestry, parameter: Parameter) -> Json:
    trials = list(ancestry.standing.trials)[:_MOST_DOTS]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [ancestry.depth[trial.name] for trial in trials],
        "y": [_plot_value(parameter, trial.spec.parameters.get(parameter.name)) for trial in trials],
        "text": [trial.spec.trial_id for trial in trials],
        "marker": {"size": 5, "color": "$muted", "opacity": 0.4},
        "hovertemplate": "trial %{text}: %{y}<extra></extra>",
    }


def _winner(ancestry: Ancestry, parameter: Parameter) -> Json:
    chain = ancestry.winner
    xs = [*range(len(chain)), len(chain) - 1 + _TAIL]
    values = [_plot_value(parameter, trial.spec.parameters.get(parameter.name)) for trial in chain]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": xs,
        "y": [*values, values[-1]],
        "text": [*(_text(parameter, trial) for trial in chain), ""],
        "line": {"shape": "hv", "color": "$best", "width": 2.5},
        "marker": {
            "size": [*(10 if trial.spec.operation == "Exploit" else 7 for trial in chain), 0],
            "symbol": [*("diamond" if trial.spec.operation == "Exploit" else "circle" for trial in chain), "circle"],
            "color": "$best",
            "line": {"width": 1.5, "color": "$card"},
        },
        "hovertemplate": "%{text}<extra></extra>",
        "cliponaxis": False,
    }


def _text(parameter: Parameter, trial: Trial) -> str:
    value = short(parameter, trial.spec.parameters.get(parameter.name))
    return f"<b>trial {trial.spec.trial_id}</b><br>{label(parameter.name)} = {label(value)}"


def _layout(ancestry: Ancestry, parameter: Parameter) -> Json:
    rounds = max([len(ancestry.winner), *(d + 1 for d in ancestry.depth.values())])
    ticks = {"tickvals": list(range(0, rounds, max(rounds // 8, 1))), "title": {"text": "round of training"}}
    return {
        "xaxis": {"range": [-0.3, rounds - 1 + _TAIL + 0.1], "showgrid": False, "zeroline": False, **ticks},
        "yaxis": _axis(parameter),
        "showlegend": False,
        "margin": {"l": 12, "r": 12, "t": 10, "b": 40},
        "hovermode": "closest",
    }


def _axis(parameter: Parameter) -> Json:
    domain = parameter.domain
    axis: Json = {"zeroline": False, "automargin": True, "nticks": 5}
    if choices := _choices(parameter)[:30]:
        order = {"type": "category", "categoryorder": "array", "categoryarray": choices}
        return axis | order | {"range": [-0.5, len(choices) - 0.5]}
    if isinstance(domain, FloatRange | IntRange) and domain.scale == "Log":
        values, texts = log_ticks(float(domain.min), float(domain.max))
        return axis | {"type": "log", "tickvals": values, "ticktext": texts}
    return axis
