"""All parameters side by side: one line for each trial, from its settings to its value.

Owns: the parallel coordinates. They are drawn as SVG lines, not with plotly's own `parcoords`, which needs WebGL:
remote desktops and headless browsers often have none.
"""

from autosearch.api.trial import Trial
from autosearch.search.space import Dimension, SearchSpace
from autosearch.views.absence import not_yet
from autosearch.views.plots.figure import SEPARATOR, Figure, Json, ValueScale, label, plotted, sample, scale_of
from autosearch.views.standing import Standing
from autosearch.views.wording import number, short

BINS = 10
MOST_LINES = 500
MOST_AXES = 16
_LISTED = 7
_AXIS_PIXELS = 104


def figure(standing: Standing) -> Figure:
    """Draw the parallel coordinates of the succeeded trials, and of the failed ones without a value."""
    title = "Parameters and value"
    if not standing.ranked:
        return Figure("parallel", title, absent=not_yet(standing.job, "no trial has succeeded"))
    dimensions = SearchSpace.of(standing.job.spec.parameters).dimensions[:MOST_AXES]
    scale = scale_of(standing)
    return Figure(
        "parallel",
        title,
        note=_note(standing),
        data=[
            *_failed(standing, dimensions),
            *_bins(standing, dimensions, scale),
            _winner(standing, dimensions, scale),
        ],
        layout=_layout(standing, dimensions, scale),
        height=400,
        min_width=_AXIS_PIXELS * (len(dimensions) + 1),
    )


def _note(standing: Standing) -> str:
    note = "Each line is a trial; the better, the stronger its colour. The best one is orange, failed ones are dotted."
    if len(standing.ranked) > MOST_LINES:
        note += f" Shown: the best {MOST_LINES // 2} and an even sample of the others."
    if len(standing.job.spec.parameters) > MOST_AXES:
        note += f" Only the first {MOST_AXES} parameters."
    return note


def _bins(standing: Standing, dimensions: tuple[Dimension, ...], scale: ValueScale) -> list[Json]:
    bins: list[list[Trial]] = [[] for _ in range(BINS)]
    for trial in sample(standing.ranked, MOST_LINES):
        if trial is not standing.best:
            bins[min(int(scale.unit(trial.status.value or 0.0) * BINS), BINS - 1)].append(trial)
    traces = []
    for i, trials in enumerate(bins):
        place = (i + 0.5) / BINS
        line = {"color": f"$scale:{place:.2f}", "width": 1.2 + place}
        if trials:
            traces.append(_lines(dimensions, trials, scale, line) | {"opacity": 0.45 + 0.5 * place})
    return traces


def _winner(standing: Standing, dimensions: tuple[Dimension, ...], scale: ValueScale) -> Json:
    best = [standing.best] if standing.best and standing.best.status.value is not None else []
    line = {"color": "$best", "width": 3.5}
    marker = {"size": 8, "color": "$best", "line": {"width": 1.5, "color": "$card"}}
    return _lines(dimensions, best, scale, line) | {"mode": "lines+markers", "marker": marker}


def _failed(standing: Standing, dimensions: tuple[Dimension, ...]) -> list[Json]:
    failed = [trial for trial in standing.finished if trial.status.state == "Failed"][-50:]
    line = {"color": "$bad", "width": 1.2, "dash": "dot"}
    return [_lines(dimensions, failed, None, line) | {"opacity": 0.6}] if failed else []


def _lines(dimensions: tuple[Dimension, ...], trials: list[Trial], scale: ValueScale | None, line: Json) -> Json:
    xs: list[float | None] = []
    ys: list[float | None] = []
    texts: list[str | None] = []
    for trial in trials:
        places = [_place(dimension, trial) for dimension in dimensions]
        value = trial.status.value
        if scale is not None and value is not None:
            places.append(scale.unit(value))
        xs += [*range(len(places)), SEPARATOR]
        ys += [*(None if place is None else round(place, 4) for place in places), SEPARATOR]
        texts += [_text(dimensions, trial, i) for i in range(len(places))] + [SEPARATOR]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": xs,
        "y": ys,
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
        "line": line,
        "connectgaps": False,
    }


def _place(dimension: Dimension, trial: Trial) -> float | None:
    """Give the height of a trial's value; None for one that the space no longer holds."""
    try:
        return dimension.to_unit(trial.spec.parameters[dimension.name])
    except (KeyError, ValueError):
        return None


def _text(dimensions: tuple[Dimension, ...], trial: Trial, axis: int) -> str:
    value = f"<b>trial {trial.spec.trial_id}</b> · {number(trial.status.value)}"
    if axis >= len(dimensions):
        return value
    parameter = dimensions[axis].parameter
    text = short(parameter, trial.spec.parameters.get(parameter.name))
    return f"{value}<br>{label(parameter.name)} = {label(text)}"


def _layout(standing: Standing, dimensions: tuple[Dimension, ...], scale: ValueScale) -> Json:
    count = len(dimensions)
    names = [*(label(dimension.name, 16) for dimension in dimensions), label(standing.job.spec.objective.metric, 16)]
    ticks = [tick for i, dimension in enumerate(dimensions) for tick in _ticks(i, dimension)]
    hidden = {"showgrid": False, "zeroline": False, "fixedrange": True}
    return {
        "xaxis": {
            **hidden,
            "range": [-0.12, count + 0.55],
            "tickvals": list(range(count + 1)),
            "ticktext": [f"<b>{name}</b>" for name in names],
            "side": "top",
            "ticks": "",
        },
        "yaxis": {**hidden, "visible": False, "range": [-0.04, 1.04]},
        "shapes": [_axis_line(i) for i in range(count + 1)],
        "annotations": [*ticks, *_value_ticks(count, scale)],
        "margin": {"l": 26, "r": 8, "t": 44, "b": 12},
        "showlegend": False,
        "hovermode": "closest",
    }


def _axis_line(position: int) -> Json:
    line = {"color": "$muted", "width": 1}
    return {"type": "line", "x0": position, "x1": position, "y0": 0, "y1": 1, "line": line, "layer": "below"}


def _tick(position: int, height: float, text: str) -> Json:
    return {
        "x": position,
        "y": height,
        "text": label(text, 14),
        "showarrow": False,
        "xanchor": "left",
        "xshift": 5,
        "font": {"size": 11, "color": "$ink"},
        "bgcolor": "$veil",
        "borderpad": 1,
    }


def _ticks(position: int, dimension: Dimension) -> list[Json]:
    count = dimension.count
    if count is not None and count <= _LISTED:
        values = [dimension.at(i) for i in range(count)]
    else:
        values = [dimension.from_unit(place) for place in (0.0, 0.5, 1.0)]
    return [_tick(position, dimension.to_unit(v), short(dimension.parameter, v, 3)) for v in values]


def _value_ticks(position: int, scale: ValueScale) -> list[Json]:
    low, high = scale.bounds
    values = [low, low / 2 + high / 2, high] if high > low else [high]
    return [_tick(position, scale.unit(value), number(plotted(value), 3)) for value in values]
