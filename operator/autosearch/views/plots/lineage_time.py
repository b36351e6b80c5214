"""The lineage by time: bars as long as the training took, arrows from the end of a parent to the start of its child.

Owns: the second form of the lineage. Arrows never point backwards here, because nobody inherits what is not trained
yet.
"""

from datetime import datetime

from autosearch.api.trial import Trial
from autosearch.views.plots.ancestry import Ancestry
from autosearch.views.plots.bezier import Points, curve
from autosearch.views.plots.figure import SEPARATOR, Figure, Json, ValueScale, hover
from autosearch.views.plots.timeline import time_unit
from autosearch.views.wording import number

_LONG_TEXTS = 800


def by_time(ancestry: Ancestry, scale: ValueScale, members: int, lane: int) -> Figure | None:
    """Draw the lineage by time; None if no trial has its times on record."""
    spans = _spans(ancestry)
    if not spans:
        return None
    first = min(start for start, _ in spans.values())
    length = max((end - first).total_seconds() for _, end in spans.values())
    unit, word = time_unit(length)
    ranges = {
        n: ((s - first).total_seconds() / unit, (e - first).total_seconds() / unit) for n, (s, e) in spans.items()
    }
    return Figure(
        "lineage",
        "",
        data=[
            *_bars(ancestry, scale, ranges),
            *_arrows(ancestry, ranges, length / unit),
        ],
        layout=_layout(members, length / unit, word),
        height=100 + lane * members,
        min_width=520,
        variant="by time",
    )


def _spans(ancestry: Ancestry) -> dict[str, tuple[datetime, datetime]]:
    found = {}
    for trial in ancestry.standing.trials:
        status = trial.status
        start = next((a.start_time for a in status.attempts if a.start_time), status.start_time)
        end = status.completion_time or ancestry.standing.now
        if start is not None and end is not None:
            found[trial.name] = (start, max(end, start))
    return found


def _bars(ancestry: Ancestry, scale: ValueScale, ranges: dict[str, tuple[float, float]]) -> list[Json]:
    trials = [trial for trial in ancestry.standing.trials if trial.name in ranges]
    done = [t for t in trials if t.status.state == "Succeeded" and t.status.value is not None]
    failed = [t for t in trials if t.status.state in ("Failed", "Stopped", "EarlyStopped")]
    running = [t for t in trials if t.status.completion_time is None]
    chain = {trial.name for trial in ancestry.winner}
    units = [scale.unit(t.status.value or 0.0) for t in done]
    inside = {"text": [node_text(t.status.value or 0.0) for t in done], "textposition": "inside", "textangle": 0}
    inside |= {
        "insidetextanchor": "middle",
        "textfont": {"size": 10, "color": [f"$onscale:{unit:.2f}" for unit in units]},
    }
    rim = {
        "color": ["$best" if t.name in chain else "$card" for t in done],
        "width": [3 if t.name in chain else 1 for t in done],
    }
    traces = [
        _bar(ancestry, done, ranges, {"color": [f"$scale:{unit:.2f}" for unit in units], "line": rim}, "") | inside,
        _bar(ancestry, failed, ranges, {"color": "$bad", "pattern": {"shape": "x", "size": 5}}, "failed or stopped"),
        _bar(ancestry, running, ranges, {"color": "$running"}, "running"),
    ]
    return [trace for trace in traces if trace["y"]]


def _bar(
    ancestry: Ancestry, trials: list[Trial], ranges: dict[str, tuple[float, float]], marker: Json, name: str
) -> Json:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "showlegend": bool(name),
        "base": [round(ranges[t.name][0], 4) for t in trials],
        "x": [round(ranges[t.name][1] - ranges[t.name][0], 4) for t in trials],
        "y": [t.spec.member for t in trials],
        "width": 0.5,
        "customdata": [_text(ancestry, t) for t in trials],
        "marker": marker,
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def node_text(value: float) -> str:
    """Write a value as short as a node wants it: `.931`, `12.4`."""
    text = f"{value:.3f}" if abs(value) < 1 else f"{value:.3g}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def _text(ancestry: Ancestry, trial: Trial) -> str:
    if len(ancestry.standing.trials) > _LONG_TEXTS:
        return f"<b>trial {trial.spec.trial_id}</b> · {number(trial.status.value)}"
    return hover(ancestry.standing, trial)


def _arrows(ancestry: Ancestry, ranges: dict[str, tuple[float, float]], length: float) -> list[Json]:
    winners = {(a.name, b.name) for a, b in zip(ancestry.winner, ancestry.winner[1:], strict=False)}
    pairs = [(a, b) for a, b in ancestry.handed_over if a.name in ranges and b.name in ranges]
    usual = [_link(a, b, ranges, length) for a, b in pairs if (a.name, b.name) not in winners]
    won = [_link(a, b, ranges, length) for a, b in pairs if (a.name, b.name) in winners]
    # A halo keeps the arrows readable where they cross bars of their own colour.
    halo = _path([*usual, *won], "", {"color": "$card", "width": 5.5}, 0) | {"showlegend": False, "opacity": 0.7}
    return [
        halo,
        _path(usual, "inherited weights", {"color": "$arrow", "width": 1.8}, 10),
        _path(won, "winner's ancestry", {"color": "$best", "width": 3.5}, 13),
    ]


def _link(parent: Trial, child: Trial, ranges: dict[str, tuple[float, float]], length: float) -> Points:
    start = (ranges[parent.name][1], float(parent.spec.member))
    end = (ranges[child.name][0], float(child.spec.member))
    return curve(start, end, bend=max(0.5 * (end[0] - start[0]), 0.02 * length))


def _path(lines: list[Points], name: str, line: Json, arrow: int) -> Json:
    xs = [x for points in lines for x in [*(p[0] for p in points), SEPARATOR]]
    ys = [y for points in lines for y in [*(p[1] for p in points), SEPARATOR]]
    sizes = [size for points in lines for size in [*[0] * (len(points) - 1), arrow, 0]]
    head = {"symbol": "arrow", "angleref": "previous", "size": sizes, "color": line["color"], "line": {"width": 0}}
    head["opacity"] = 1
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "showlegend": bool(lines),
        "x": xs,
        "y": ys,
        # Without this plotly cuts the line short at each point that has a head.
        "line": {**line, "backoff": 0},
        "marker": head,
        "hoverinfo": "skip",
    }


def _layout(members: int, length: float, word: str) -> Json:
    every = max(members // 24, 1)
    ticks = list(range(0, members, every))
    lanes = [
        {
            "type": "rect",
            "x0": 0,
            "x1": length,
            "y0": member - 0.36,
            "y1": member + 0.36,
            "fillcolor": "$lane",
            "line": {"width": 0},
            "layer": "below",
        }
        for member in range(members)
    ]
    still = {"showgrid": False, "zeroline": False, "fixedrange": True, "ticks": ""}
    return {
        "xaxis": {
            **still,
            "range": [0, length * 1.02 or 1],
            "side": "top",
            "title": {"text": f"{word} since the start"},
        },
        "yaxis": {
            **still,
            "range": [members - 0.4, -0.6],
            "tickvals": ticks,
            "ticktext": [f"member {i}" for i in ticks],
        },
        "shapes": lanes,
        "barmode": "overlay",
        "uniformtext": {"mode": "hide", "minsize": 9},
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 0, "yanchor": "top", "yref": "paper"},
        "margin": {"l": 84, "r": 8, "t": 46, "b": 34},
        "hovermode": "closest",
    }
