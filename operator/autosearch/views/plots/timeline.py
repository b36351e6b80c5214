"""Which slot ran which attempt, and when it stood idle.

Owns: the timeline and the busy share. Slots have no identity on record: attempts are dealt to the slot that has been
free for the longest time, which is what a scheduler with equal slots does.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from autosearch.api.trial import Attempt, Trial
from autosearch.views.absence import not_yet
from autosearch.views.plots.figure import Figure, Json, hover
from autosearch.views.standing import Standing
from autosearch.views.wording import DAY, HOUR, MINUTE, duration, share

# Attempts are coloured by what became of them; the last one stands for the trial, earlier ones were lost or failed.
# Kubernetes' own words for a pod that was taken away are among the reasons of those that were lost.
_LOST = frozenset(
    {"Lost", "Interrupted", "Suspended", "DirectoryExists", "Evicted", "Preempted", "Preempting", "NodeLost"}
    | {"Shutdown", "Terminated", "NodeShutdown", "Deleted", "DisruptionTarget", "TerminationTarget"}
    | {"PreemptionByScheduler", "DeletionByTaintManager", "EvictionByEvictionAPI", "DeletionByPodGC"}
    | {"TerminationByKubelet"}
)
_KINDS = {
    "Succeeded": ("succeeded", "$accent"),
    "EarlyStopped": ("stopped early", "$early"),
    "Failed": ("failed", "$bad"),
    "Again": ("failed, tried again", "$again"),
    "Lost": ("lost, tried again", "$lost"),
    "Stopped": ("stopped", "$muted"),
    "Running": ("running", "$running"),
}
_LONG_TEXTS = 800


@dataclass(frozen=True)
class Span:
    """One attempt in its slot; times in seconds since the first start."""

    trial: Trial
    attempt: Attempt
    kind: str
    start: float
    end: float
    slot: int


def figure(standing: Standing) -> Figure:
    """Draw the timeline of slots."""
    title = "Timeline of slots"
    spans = slots_of(standing)
    if not spans:
        return Figure("timeline", title, absent=not_yet(standing.job, "no trial has been started"))
    slots = max(span.slot for span in spans) + 1
    unit, word = time_unit(max(span.end for span in spans))
    busy = busy_share(spans)
    note = f"What each of {slots} slots did; gaps are idle time." if slots > 1 else "Gaps are idle time."
    return Figure(
        "timeline",
        title,
        note=f"{note} Busy: {share(busy)} of {duration(slots * max(span.end for span in spans))} of slot time.",
        data=[trace for kind in _KINDS if (trace := _bars(standing, spans, kind, unit))["x"]],
        layout=_layout(slots, max(span.end for span in spans) / unit, word),
        height=110 + min(max(26 * slots, 60), 620),
    )


def slots_of(standing: Standing) -> list[Span]:
    """Deal all attempts that have started to slots, in the order of their starts."""
    runs = [(run, trial) for trial in standing.trials for run in _runs(trial) if run.start_time is not None]
    runs.sort(key=lambda pair: (pair[0].start_time, pair[1].spec.number))
    if not runs:
        return []
    first = runs[0][0].start_time
    assert first is not None
    last = standing.now or _latest(run for run, _ in runs) or first
    free: list[float] = []
    spans = []
    for run, trial in runs:
        assert run.start_time is not None
        start = (run.start_time - first).total_seconds()
        end = max(((run.end_time or max(last, run.start_time)) - first).total_seconds(), start)
        slot = _slot(free, start)
        free[slot] = end
        spans.append(Span(trial, run, _kind(trial, run), start, end, slot))
    return spans


def busy_share(spans: list[Span]) -> float:
    """Give the share of the slots' time, from the first start to the last end, in which an attempt ran; 1 at most."""
    slots = max((span.slot for span in spans), default=0) + 1
    length = max((span.end for span in spans), default=0.0)
    used = sum(span.end - span.start for span in spans)
    return min(used / (slots * length), 1.0) if length > 0 else 1.0


def _latest(runs: Iterable[Attempt]) -> datetime | None:
    return max((time for run in runs if (time := run.end_time or run.start_time)), default=None)


def _runs(trial: Trial) -> list[Attempt]:
    """Give the attempts; a trial that has none on record but its own times counts as one."""
    status = trial.status
    if status.attempts or status.start_time is None:
        return status.attempts
    whole = Attempt(id=trial.spec.trial_id, start_time=status.start_time, end_time=status.completion_time)
    return [whole]


def _slot(free: list[float], start: float) -> int:
    """Give the slot that has been free for the longest time; opens one if none is free."""
    idle = [i for i, since in enumerate(free) if since <= start]
    if not idle:
        free.append(0.0)
        return len(free) - 1
    return min(idle, key=lambda i: (free[i], i))


def _kind(trial: Trial, run: Attempt) -> str:
    if run.end_time is None and trial.status.completion_time is None:
        return "Running"
    last = not trial.status.attempts or run is trial.status.attempts[-1]
    if last and trial.status.state in _KINDS:
        return trial.status.state
    return "Lost" if run.reason in _LOST else "Again"


def time_unit(seconds: float) -> tuple[float, str]:
    """Give the unit in which a length of time is drawn: its seconds, and its name."""
    for size, word in ((DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes")):
        if seconds >= 2 * size:
            return float(size), word
    return 1.0, "seconds"


def _bars(standing: Standing, spans: list[Span], kind: str, unit: float) -> Json:
    chosen = [span for span in spans if span.kind == kind]
    name, colour = _KINDS[kind]
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "base": [round(span.start / unit, 4) for span in chosen],
        "x": [round((span.end - span.start) / unit, 4) for span in chosen],
        "y": [span.slot for span in chosen],
        "width": 0.66,
        "text": [_text(standing, span, brief=len(spans) > _LONG_TEXTS) for span in chosen],
        "textposition": "none",
        "marker": {"color": colour, "line": {"width": 1, "color": "$card"}},
        "hovertemplate": "%{text}<extra></extra>",
    }


def _text(standing: Standing, span: Span, *, brief: bool) -> str:
    took = duration(span.end - span.start)
    if brief:
        return f"attempt {span.attempt.id}: {took}"
    return hover(standing, span.trial, f"attempt {span.attempt.id} ran {took}")


def _layout(slots: int, end: float, word: str) -> Json:
    idle = [
        {
            "type": "rect",
            "x0": 0,
            "x1": end,
            "y0": slot - 0.33,
            "y1": slot + 0.33,
            "fillcolor": "$lane",
            "line": {"width": 0},
            "layer": "below",
        }
        for slot in range(slots)
    ]
    every = max(slots // 16, 1)
    ticks = list(range(0, slots, every))
    return {
        "xaxis": {"title": {"text": f"{word} since the start"}, "range": [0, end * 1.01 or 1], "showgrid": False},
        "yaxis": {
            "autorange": "reversed",
            "tickvals": ticks,
            "ticktext": [f"slot {slot + 1}" for slot in ticks],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        "shapes": idle,
        "barmode": "overlay",
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1.01, "yanchor": "bottom"},
        "margin": {"l": 64, "r": 20, "t": 36, "b": 48},
        "hovermode": "closest",
    }
