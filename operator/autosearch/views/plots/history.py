"""Every finished trial in the order of completion, and the best value so far.

Owns: the history plot. Failed trials have a strip of their own beneath, because they have no value.
"""

import math

from autosearch.api.trial import Trial
from autosearch.views.absence import not_yet
from autosearch.views.plots.figure import Figure, Json, ValueScale, hover, label, plotted, scale_of
from autosearch.views.standing import Standing
from autosearch.views.wording import STATE_WORDS, counted, number

# With thousands of trials the long texts would outgrow the page.
_LONG_TEXTS = 800
_LOOKS: dict[str, Json] = {
    "EarlyStopped": {"symbol": "triangle-down-open", "color": "$early", "size": 8},
    "Succeeded": {"color": "$accent", "size": 7, "opacity": 0.75},
}


def figure(standing: Standing) -> Figure:
    """Draw the history."""
    title, metric = "History", standing.job.spec.objective.metric
    if not standing.finished:
        return Figure("history", title, absent=not_yet(standing.job, "no trial has finished"))
    values = [v for t in standing.finished if (v := t.status.value) is not None]
    if not values:
        return Figure("history", title, absent=not_yet(standing.job, "no trial has a value"))
    # What is read here are the good values: a few poor ones must not flatten them.
    scale = scale_of(standing, focused=True) if standing.ranked else ValueScale(values, standing.maximize)
    failed = _numbered(standing, "Failed")
    data = [
        *(_points(standing, scale, state, beyond=beyond) for state in _LOOKS for beyond in (False, True)),
        _best_line(standing),
        *([_failures(standing)] if failed else []),
    ]
    return Figure(
        "history",
        title,
        note=_note(standing, scale, values),
        data=[trace for trace in data if trace["x"]],
        layout=_layout(standing, scale, metric, failures=bool(failed)),
        width="wide",
    )


def _note(standing: Standing, scale: ValueScale, values: list[float]) -> str:
    note = f"{standing.job.spec.objective.metric} of each trial, in the order in which they finished."
    outside = sum(_clipped(scale, value) != value for value in values)
    if outside:
        note += f" {counted(outside, 'poor value')} beyond the drawn range: arrows at its edge."
    return note


def _clipped(scale: ValueScale, value: float) -> float:
    """Give where a value is drawn: those that are worse than the range at its edge."""
    low, high = scale.bounds
    return max(value, low) if scale.maximize else min(value, high)


def _numbered(standing: Standing, state: str) -> list[tuple[int, Trial]]:
    return [(i, trial) for i, trial in enumerate(standing.finished, 1) if trial.status.state == state]


def _text(standing: Standing, trial: Trial) -> str:
    brief = len(standing.finished) > _LONG_TEXTS
    return f"trial {trial.spec.trial_id}: {number(trial.status.value)}" if brief else hover(standing, trial)


def _points(standing: Standing, scale: ValueScale, state: str, *, beyond: bool) -> Json:
    marker = _LOOKS[state] | ({"symbol": "arrow-down" if scale.maximize else "arrow-up"} if beyond else {})
    having = ((i, t, t.status.value) for i, t in _numbered(standing, state) if t.status.value is not None)
    points = [(i, t, place) for i, t, v in having if ((place := _clipped(scale, v)) != v) == beyond]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": STATE_WORDS[state],
        "legendgroup": state,
        "showlegend": not beyond,
        "x": [i for i, _, _ in points],
        "y": [plotted(place) for _, _, place in points],
        "text": [_text(standing, t) for _, t, _ in points],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": marker,
    }


def _best_line(standing: Standing) -> Json:
    xs, ys = [], []
    best: float | None = None
    for i, trial in _numbered(standing, "Succeeded"):
        value = trial.status.value
        if value is not None and (best is None or standing.goodness(value) > standing.goodness(best)):
            best = value
            xs.append(i)
            ys.append(plotted(value))
    marks = [9] * len(xs)
    if xs and xs[-1] < len(standing.finished):
        xs.append(len(standing.finished))
        ys.append(ys[-1])
        marks.append(0)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": "best so far",
        "x": xs,
        "y": ys,
        "line": {"shape": "hv", "color": "$best", "width": 2.5},
        "marker": {"size": marks, "color": "$best", "line": {"width": 1.5, "color": "$card"}},
        "hoverinfo": "skip",
    }


def _failures(standing: Standing) -> Json:
    failed = _numbered(standing, "Failed")
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "failed",
        "x": [i for i, _ in failed],
        "y": [0] * len(failed),
        "yaxis": "y2",
        "text": [_text(standing, t) for _, t in failed],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"symbol": "x", "color": "$bad", "size": 8},
    }


def _layout(standing: Standing, scale: ValueScale, metric: str, *, failures: bool) -> Json:
    count = len(standing.finished)
    vertical: Json = {"title": {"text": label(metric)}, "domain": [0.12 if failures else 0, 1], "range": scale.padded()}
    layout: Json = {
        "xaxis": {
            "title": {"text": "finished trials"},
            "range": [0.2, count + 0.8],
            "anchor": "y2" if failures else "y",
        },
        "yaxis": vertical,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "margin": {"l": 64, "r": 20, "t": 36, "b": 48},
        "hovermode": "closest",
    }
    if failures:
        hidden = {"showgrid": False, "zeroline": False, "showticklabels": False, "ticks": "", "fixedrange": True}
        layout["yaxis2"] = {"domain": [0, 0.07], "range": [-1, 1], **hidden}
    _add_target(layout, standing)
    return layout


def _add_target(layout: Json, standing: Standing) -> None:
    spec = standing.job.spec.objective
    target = spec.target if standing.job.status.target is None else standing.job.status.target
    if target is None:
        return
    low, high = layout["yaxis"]["range"]
    room = high - low
    # A target far away would flatten everything that was reached.
    if not (math.isfinite(room) and low - room <= target <= high + room):
        return
    layout["yaxis"]["range"] = [min(low, target - 0.04 * room), max(high, target + 0.04 * room)]
    line = {"color": "$muted", "width": 1.5, "dash": "dash"}
    across = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": target, "y1": target, "line": line}
    layout["shapes"] = [across]
    text = {"text": f"target {number(target)}", "xref": "paper", "x": 1, "xanchor": "right", "yref": "y", "y": target}
    layout["annotations"] = [{**text, "yanchor": "bottom", "showarrow": False, "font": {"color": "$muted", "size": 11}}]
