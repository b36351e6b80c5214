"""The picture of a running search in a terminal: head, bar, best, running trials, waits.

Owns: what is drawn and in which order. It is drawn four times a second, so it costs little and keeps nothing.
"""

from typing import TYPE_CHECKING

from autosearch.api.trial import Trial
from autosearch.engine.budget import planned_trials
from autosearch.views.moment import DRAINING, Moment
from autosearch.views.table import STATE_STYLES
from autosearch.views.wording import assignments, clock, duration, number, run_seconds, why

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.text import Text

ROWS = 8
BAR = 16


def picture(moment: Moment) -> "Group":
    """Give the picture of a terminal: head, bar, best, running trials, waits."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [_head(moment), _bar(moment), _best(moment)]
    parts += [_failed(moment.failed)] if moment.failed is not None else []
    parts += _running(moment) if moment.started else []
    parts += [Text(f"  waiting  {wait}", style="yellow", overflow="ellipsis", no_wrap=True) for wait in moment.waits()]
    if moment.draining:
        parts.append(Text(f"  {DRAINING}", style="yellow"))
    return Group(*parts)


def _head(moment: Moment) -> "Text":
    from rich.text import Text

    job = moment.job
    head = Text(no_wrap=True, overflow="ellipsis")
    head.append(job.name, style="bold")
    head.append(f"  {job.spec.algorithm.name}, {job.spec.objective.direction.lower()} {moment.metric}", style="dim")
    return head


def _bar(moment: Moment) -> "Text":
    from rich.text import Text

    planned, done = planned_trials(moment.job), moment.scores.finished
    failed = moment.scores.by_state.get("Failed", 0)
    filled = round(BAR * min(done / planned, 1)) if planned else 0
    # What is cut off on a narrow terminal is what matters least.
    times = [moment.left] if moment.left else []
    times += [f"{duration(moment.elapsed)} elapsed"] if moment.elapsed is not None else []
    bar = Text(no_wrap=True, overflow="ellipsis")
    bar.append("━" * filled, style="green" if done == planned else "magenta")
    bar.append("─" * (BAR - filled), style="bright_black")
    bar.append(f"  {done}/{planned if planned is not None else '?'}", style="bold")
    bar.append(f"  {len(moment.started)} running", style="cyan")
    bar.append(f"  {failed} failed" if failed else "", style="red")
    bar.append(f"  {', '.join(times)}", style="dim")
    return bar


def _best(moment: Moment) -> "Text":
    from rich.text import Text

    best = moment.scores.best
    if best is None:
        return Text("  no trial has succeeded yet", style="dim")
    text = Text("★ ", style="bold yellow", no_wrap=True, overflow="ellipsis")
    text.append(f"{moment.metric} {number(best.status.value)}", style="bold")
    text.append(f"  trial {best.spec.trial_id}  ", style="default")
    text.append(assignments(moment.job.spec.parameters, best.spec.parameters), style="default")
    return text


def _failed(trial: Trial) -> "Text":
    from rich.text import Text

    text = Text("✗ ", style="red", no_wrap=True, overflow="ellipsis")
    text.append(f"trial {trial.spec.trial_id} failed", style="red")
    text.append(f"  {why(trial)}", style="dim")
    return text


def _running(moment: Moment) -> "list[Text]":
    from rich.text import Text

    # Columns are aligned by hand: a rich table costs milliseconds each time, and this is drawn four times a second.
    shown = moment.started[:ROWS]
    names = [f"▸ {trial.spec.trial_id}" for trial in shown]
    times = [clock(run_seconds(trial, moment.now) or 0.0) for trial in shown]
    seen = [_last_seen(moment.metric, trial) for trial in shown]
    wide = [max(map(len, column)) for column in (names, times, seen)]
    lines = []
    for trial, name, took, last in zip(shown, names, times, seen, strict=True):
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(name.ljust(wide[0]), style=STATE_STYLES["Running"])
        line.append(f"  {took.rjust(wide[1])}  ")
        line.append(f"{last.ljust(wide[2])}  " if wide[2] else "")
        line.append(assignments(moment.job.spec.parameters, trial.spec.parameters), style="dim")
        lines.append(line)
    if len(moment.started) > len(shown):
        lines.append(Text(f"… {len(moment.started) - len(shown)} more", style="dim"))
    return lines


def _last_seen(metric: str, trial: Trial) -> str:
    last = trial.status.observations[-1] if trial.status.observations else None
    return f"step {last.step}: {number(last.metrics.get(metric))}" if last else ""
