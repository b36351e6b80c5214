"""What the trials reported while they ran.

Owns: the learning curves. Only so many are drawn that the page stays light: the best ones, and an even sample of the
others.
"""

from autosearch.api.trial import Trial
from autosearch.views.plots.figure import SEPARATOR, Figure, Json, ValueScale, label, plotted, sample
from autosearch.views.standing import Standing
from autosearch.views.wording import counted

BINS = 8
MOST_CURVES = 200
MOST_POINTS = 20_000


def figure(standing: Standing) -> Figure:
    """Draw the curves of all trials that reported the objective while they ran."""
    title, metric = "Learning curves", standing.job.spec.objective.metric
    having = [trial for trial in standing.in_order if _points(metric, trial)]
    if not having:
        return Figure("curves", title, absent="no trial has reported its progress on the way (report_progress)")
    having.sort(key=lambda trial: -standing.goodness(_points(metric, trial)[-1][1]))
    shown = _few(having, metric)
    ends = [_points(metric, trial)[-1][1] for trial in shown]
    scale = ValueScale(ends, standing.maximize)
    note = f"{metric} as reported at each step. The better a trial ended, the stronger its colour."
    if len(shown) < len(having):
        note += f" {len(shown)} of {counted(len(having), 'curve')}: the best ones and a sample of the others."
    return Figure(
        "curves",
        title,
        note=note,
        data=[*_bins(standing, shown, scale), *_stops(standing, shown), *_winner(standing)],
        layout=_layout(metric),
    )


def _few(having: list[Trial], metric: str) -> list[Trial]:
    shown = sample(having, MOST_CURVES)
    points = sum(len(_points(metric, trial)) for trial in shown)
    return shown if points <= MOST_POINTS else sample(having, max(MOST_CURVES * MOST_POINTS // points, 1))


def _points(metric: str, trial: Trial) -> list[tuple[int, float]]:
    return [(o.step, o.metrics[metric]) for o in trial.status.observations if metric in o.metrics]


def _bins(standing: Standing, trials: list[Trial], scale: ValueScale) -> list[Json]:
    metric = standing.job.spec.objective.metric
    bins: list[list[Trial]] = [[] for _ in range(BINS)]
    for trial in trials:
        if trial is not standing.best:
            bins[min(int(scale.unit(_points(metric, trial)[-1][1]) * BINS), BINS - 1)].append(trial)
    traces = []
    for i, group in enumerate(bins):
        place = (i + 0.5) / BINS
        line = {"color": f"$scale:{place:.2f}", "width": 1.5}
        if group:
            traces.append(_lines(metric, group, line) | {"opacity": 0.55 + 0.4 * place, "showlegend": False})
    return traces


def _lines(metric: str, trials: list[Trial], line: Json) -> Json:
    xs: list[int | None] = []
    ys: list[float | None] = []
    texts: list[str | None] = []
    for trial in trials:
        points = _points(metric, trial)
        xs += [*(step for step, _ in points), SEPARATOR]
        ys += [*(plotted(value) for _, value in points), SEPARATOR]
        texts += [trial.spec.trial_id] * len(points) + [SEPARATOR]
    # A curve of one point has no line: the marker shows it.
    mode = "lines+markers" if any(len(_points(metric, trial)) == 1 for trial in trials) else "lines"
    return {
        "type": "scatter",
        "mode": mode,
        "x": xs,
        "y": ys,
        "text": texts,
        "line": line,
        "marker": {"size": 4, "color": line["color"]},
        "hovertemplate": "<b>trial %{text}</b><br>step %{x}: %{y}<extra></extra>",
    }


def _stops(standing: Standing, trials: list[Trial]) -> list[Json]:
    metric = standing.job.spec.objective.metric
    ends = [(t, _points(metric, t)[-1]) for t in trials if t.status.state == "EarlyStopped"]
    if not ends:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "stopped early",
            "x": [step for _, (step, _) in ends],
            "y": [plotted(value) for _, (_, value) in ends],
            "text": [trial.spec.trial_id for trial, _ in ends],
            "marker": {"symbol": "triangle-down-open", "color": "$early", "size": 9, "line": {"width": 1.5}},
            "hovertemplate": "<b>trial %{text}</b><br>stopped at step %{x}: %{y}<extra></extra>",
        }
    ]


def _winner(standing: Standing) -> list[Json]:
    metric = standing.job.spec.objective.metric
    best = standing.best
    if best is None or not _points(metric, best):
        return []
    return [_lines(metric, [best], {"color": "$best", "width": 3}) | {"name": f"best trial {best.spec.trial_id}"}]


def _layout(metric: str) -> Json:
    return {
        "xaxis": {"title": {"text": "step"}},
        "yaxis": {"title": {"text": label(metric)}},
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "margin": {"l": 64, "r": 20, "t": 36, "b": 48},
        "hovermode": "closest",
    }
