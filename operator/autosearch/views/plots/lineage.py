"""The lineage of a PBT population: who trained on, who took over whose weights, and where the winner came from.

Owns: two forms of one picture. By round: a lane for each member, a node for each trial, an arrow for each inheritance.
By time: the same lanes with bars as long as the training took, which shows who waited for whom.
"""

from collections.abc import Sequence

from autosearch.api.trial import Trial
from autosearch.views.absence import not_yet
from autosearch.views.plots.ancestry import Ancestry
from autosearch.views.plots.bezier import Points, between
from autosearch.views.plots.figure import SEPARATOR, Figure, Json, ValueScale, hover, plotted, scale_of
from autosearch.views.plots.lineage_time import by_time, node_text
from autosearch.views.standing import Standing
from autosearch.views.wording import counted, number

_TITLE = "Lineage"
# Up to this many rounds a node is large enough for its value.
_ROUNDS_WITH_TEXT = 14
_LANE, _COLUMN = 50, 74
_LONGEST_TEXT = 5
_LONG_TEXTS = 800


def figure(standing: Standing) -> Figure:
    """Draw the lineage by round, with the form by time beside it."""
    if not any(trial.status.state != "Pending" for trial in standing.trials):
        return Figure("lineage", _TITLE, absent=not_yet(standing.job, "no trial has been started"))
    ancestry, scale = Ancestry(standing), scale_of(standing, focused=True)
    rounds, members = _size(standing)
    dense = rounds > _ROUNDS_WITH_TEXT
    lane = 26 if dense else _LANE
    timed = by_time(ancestry, scale, members, lane)
    return Figure(
        "lineage",
        _TITLE,
        note=_note(ancestry),
        data=[
            *_edges(ancestry, dense=dense),
            *_nodes(ancestry, scale, dense=dense),
        ],
        layout=_layout(rounds, members, ancestry, dense=dense),
        height=84 + lane * members,
        min_width=150 + (30 if dense else _COLUMN) * rounds,
        variant="by round",
        others=[timed] if timed else [],
    )


def _note(ancestry: Ancestry) -> str:
    chain = ancestry.winner
    note = f"{counted(len(ancestry.handed_over), 'time')} weights were inherited from a better member (arrows)."
    if chain:
        donors = len({trial.spec.member for trial in chain})
        rounds = counted(len(chain), "round")
        note += (
            f" The winner {chain[-1].spec.trial_id} was trained in {rounds} by {counted(donors, 'member')} (orange)."
        )
    return note


def _size(standing: Standing) -> tuple[int, int]:
    settings = standing.job.spec.algorithm.pbt
    rounds = max((trial.spec.round for trial in standing.trials), default=0) + 1
    members = max((trial.spec.member for trial in standing.trials), default=0) + 1
    return max(rounds, settings.rounds if settings else 1), max(members, settings.population if settings else 1)


def _edges(ancestry: Ancestry, *, dense: bool) -> list[Json]:
    winners = {(a.name, b.name) for a, b in zip(ancestry.winner, ancestry.winner[1:], strict=False)}

    def split(pairs: Sequence[tuple[Trial, Trial]]) -> tuple[list[Points], list[Points]]:
        lines = [((parent.name, child.name) in winners, _link(parent, child)) for parent, child in pairs]
        return [line for won, line in lines if not won], [line for won, line in lines if won]

    (went_on, went_on_won), (taken, taken_won) = split(ancestry.continued), split(ancestry.handed_over)
    gap = 7 if dense else 17
    return [
        _path(went_on, "went on", {"color": "$edge", "width": 2}),
        _path(taken, "inherited weights", {"color": "$arrow", "width": 1.8}, arrow=9 if dense else 11, gap=gap)
        | {"opacity": 0.5 if dense else 1},
        _path([*went_on_won, *taken_won], "winner's ancestry", {"color": "$best", "width": 4}),
        _path(taken_won, "", {"color": "$best", "width": 4}, arrow=11 if dense else 14, gap=gap),
    ]


def _link(parent: Trial, child: Trial) -> Points:
    start, end = (parent.spec.round, parent.spec.member), (child.spec.round, child.spec.member)
    if parent.spec.member == child.spec.member:
        return [start, end]
    return between(start, end)


def _path(lines: list[Points], name: str, line: Json, arrow: int = 0, gap: int = 0) -> Json:
    xs: list[float | None] = []
    ys: list[float | None] = []
    sizes: list[int] = []
    gaps: list[int] = []
    for points in lines:
        xs += [*(x for x, _ in points), SEPARATOR]
        ys += [*(y for _, y in points), SEPARATOR]
        sizes += [0] * (len(points) - 1) + [arrow, 0]
        gaps += [0] * (len(points) - 1) + [gap, 0]
    trace: Json = {"type": "scatter", "mode": "lines", "x": xs, "y": ys, "line": line, "hoverinfo": "skip"}
    trace |= {"name": name, "showlegend": bool(name) and bool(lines)}
    if arrow:
        head = {"symbol": "arrow", "angleref": "previous", "size": sizes, "standoff": gaps, "color": line["color"]}
        # Without this plotly cuts the line short at each point that has a head.
        trace["line"] = {**line, "backoff": 0}
        trace |= {"mode": "lines+markers", "marker": head | {"opacity": 1, "line": {"width": 0}}}
    return trace


def _nodes(ancestry: Ancestry, scale: ValueScale, *, dense: bool) -> list[Json]:
    standing = ancestry.standing
    having = [t for t in standing.trials if t.status.state == "Succeeded" and t.status.value is not None]
    chain = {trial.name for trial in ancestry.winner}
    plain = [t for t in having if t.spec.operation != "Restart"]
    anew = [t for t in having if t.spec.operation == "Restart"]
    open_ = [t for t in standing.trials if t.status.state == "Running"]
    failed = [t for t in standing.trials if t.status.state == "Failed"]
    stopped = [t for t in standing.trials if t.status.state in ("Stopped", "EarlyStopped")]
    size = 13 if dense else 33
    groups = [
        _node_trace(ancestry, plain, scale, chain, {"size": size}, "", dense=dense),
        _node_trace(ancestry, anew, scale, chain, {"size": size + 5, "symbol": "diamond"}, "started anew", dense=dense),
        _mark_trace(standing, failed, "failed", {"symbol": "x", "color": "$bad", "size": 9 if dense else 14}),
        _mark_trace(standing, stopped, "stopped", {"symbol": "square-open", "color": "$muted", "size": size - 3}),
        _mark_trace(standing, open_, "running", {"symbol": "circle-open", "color": "$running", "size": size - 3}),
    ]
    return [trace for trace in groups if trace["x"]]


def _node_trace(
    ancestry: Ancestry, trials: list[Trial], scale: ValueScale, chain: set[str], marker: Json, name: str, *, dense: bool
) -> Json:
    standing = ancestry.standing
    texts = [node_text(trial.status.value or 0.0) for trial in trials]
    written = not dense and all(len(text) <= _LONGEST_TEXT for text in texts)
    units = [scale.unit(trial.status.value or 0.0) for trial in trials]
    won = [trial.name in chain for trial in trials]
    rim = {"color": ["$best" if w else "$card" for w in won], "width": [3.5 if w else 2 for w in won]}
    metric = standing.job.spec.objective.metric
    colours = {"color": [plotted(t.status.value or 0.0) for t in trials], **scale.colours(), "opacity": 1}
    bar = {"showscale": not name, "colorbar": scale.bar(metric)}
    return _mark_trace(standing, trials, name, {**marker, **colours, **bar, "line": rim}, ancestry) | {
        "mode": "markers+text" if written else "markers",
        "texttemplate": [f"<b>{text}</b>" for text in texts] if written else None,
        "textfont": {"size": 10, "color": [f"$onscale:{unit:.2f}" for unit in units]},
    }


def _mark_trace(
    standing: Standing, trials: list[Trial], name: str, marker: Json, ancestry: Ancestry | None = None
) -> Json:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "showlegend": bool(name),
        "x": [trial.spec.round for trial in trials],
        "y": [trial.spec.member for trial in trials],
        "customdata": [_text(standing, trial, ancestry) for trial in trials],
        "marker": {"line": {"width": 2, "color": "$card"}, **marker},
        "hovertemplate": "%{customdata}<extra></extra>",
        "cliponaxis": False,
    }


def _text(standing: Standing, trial: Trial, ancestry: Ancestry | None) -> str:
    said = origin(trial, ancestry) if ancestry else ""
    if len(standing.trials) > _LONG_TEXTS:
        return f"<b>trial {trial.spec.trial_id}</b> · {number(trial.status.value)}<br>{said}"
    return hover(standing, trial, said)


def origin(trial: Trial, ancestry: Ancestry) -> str:
    """Say in words where a trial's weights come from."""
    parent = ancestry.parent(trial)
    if trial.spec.operation == "Exploit":
        return f"took over the weights of {parent.spec.trial_id if parent else 'a better trial'}"
    return {"Init": "first round", "Continue": "went on with its own weights", "Restart": "started anew"}[
        trial.spec.operation
    ]


def _layout(rounds: int, members: int, ancestry: Ancestry, *, dense: bool) -> Json:
    hidden = {"showgrid": False, "zeroline": False, "fixedrange": True}
    every = max(rounds // 20, 1)
    ticks = list(range(0, rounds, every))
    return {
        "xaxis": {
            **hidden,
            "range": [-0.55, rounds - 0.35],
            "tickvals": ticks,
            "ticktext": [f"round {i}" for i in ticks] if not dense else [str(i) for i in ticks],
            "side": "top",
            "ticks": "",
        },
        "yaxis": lanes_axis(members),
        "shapes": [lane_shape(i, -0.4, rounds - 0.55, 0.5 if dense else 0.36) for i in range(members)],
        "annotations": _crown(ancestry, dense=dense),
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 0, "yanchor": "top", "yref": "paper"},
        "margin": {"l": 84, "r": 8, "t": 30, "b": 34},
        "hovermode": "closest",
    }


def lanes_axis(members: int) -> Json:
    """Give the axis of members, the first on top."""
    every = max(members // 24, 1)
    ticks = list(range(0, members, every))
    return {
        "range": [members - 0.4, -0.6],
        "tickvals": ticks,
        "ticktext": [f"member {i}" for i in ticks],
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
        "ticks": "",
    }


def lane_shape(member: int, start: float, end: float, half: float) -> Json:
    """Give the band behind a member's trials."""
    band: Json = {"type": "rect", "x0": start, "x1": end, "y0": member - half, "y1": member + half}
    return band | {"fillcolor": "$lane", "line": {"width": 0}, "layer": "below"}


def _crown(ancestry: Ancestry, *, dense: bool) -> list[Json]:
    if not ancestry.winner:
        return []
    best = ancestry.winner[-1]
    return [
        {
            "x": best.spec.round,
            "y": best.spec.member,
            "text": "★",
            "showarrow": False,
            "yshift": 13 if dense else 22,
            "xshift": 11 if dense else 19,
            "font": {"size": 16 if dense else 20, "color": "$best"},
        }
    ]
