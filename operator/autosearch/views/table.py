"""The result table in a terminal, and the summary beneath it.

Owns: ranks, columns and widths. On a terminal it is drawn to its width; anywhere else it is plain text with columns
two spaces apart and nothing cut off, fit for `grep` and for two thousand trials.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial
from autosearch.views.absence import not_yet
from autosearch.views.failures import log_file, split, why_and_where
from autosearch.views.standing import Standing
from autosearch.views.wording import (
    NOTHING,
    STATE_WORDS,
    assignments,
    clock,
    counted,
    duration,
    number,
    run_seconds,
    short,
    why,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

# More rows than a person reads; the rest is named, and plain output always has all.
ROWS_ON_TERMINAL = 100
STATE_STYLES = {"Succeeded": "green", "Failed": "red", "EarlyStopped": "yellow", "Stopped": "yellow", "Running": "cyan"}
# Rank, trial, state, value, runs and time with the space between them; and what a reason needs to be read.
_FIXED_WIDTH, _REASON_WIDTH = 52, 24
_HEADERS = ("RANK", "TRIAL", "STATE", "VALUE", "PARAMETERS", "ATTEMPTS", "TIME", "REASON")


def print_results(console: "Console", job: AutoSearchJob, trials: Sequence[Trial]) -> None:
    """Print the table and the summary of a search.

    Args:
        console: where to; whether it is a terminal decides the form.
        trials: all of the job's trials, in any order.
    """
    standing = Standing(job, trials)
    if console.is_terminal:
        console.print(result_table(standing, console.width))
        hidden = len(trials) - ROWS_ON_TERMINAL
        if hidden > 0:
            console.print(f"… and {counted(hidden, 'more trial')}, all of them in `--json` and in a pipe", style="dim")
        console.print(summary(standing))
        return
    for line in plain_table(standing):
        console.out(line, highlight=False)
    console.out(summary(standing).plain, highlight=False)


def plain_table(standing: Standing) -> list[str]:
    """Give the table as lines of plain text, header first."""
    rows = [_HEADERS, *(_cells(standing, rank, trial) for rank, trial in enumerate(standing.in_order, 1))]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADERS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _cells(standing: Standing, rank: int, trial: Trial) -> tuple[str, ...]:
    best = trial is standing.best
    ranked = rank <= len(standing.ranked)
    seconds = run_seconds(trial, standing.now)
    return (
        f"{rank}{'*' if best else ''}" if ranked else "",
        trial.spec.trial_id,
        STATE_WORDS[trial.status.state],
        number(trial.status.value),
        assignments(standing.job.spec.parameters, trial.spec.parameters),
        str(trial.status.attempt_count),
        NOTHING if seconds is None else clock(seconds),
        why_and_where(trial),
    )


def result_table(standing: Standing, width: int) -> "Table":
    """Give the table for a terminal of that many columns.

    Each parameter has a column of its own where all of them fit; else they share one, and reasons stand beneath them.
    """
    from rich import box
    from rich.table import Table

    shown = standing.in_order[:ROWS_ON_TERMINAL]
    wide = _columns_fit(standing, shown, width)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1), header_style="bold")
    for title in ("#", "trial", "state"):
        table.add_column(title, no_wrap=True)
    table.add_column(standing.job.spec.objective.metric, justify="right", no_wrap=True, max_width=14)
    for title in [p.name for p in standing.job.spec.parameters] if wide else ["parameters"]:
        table.add_column(title, overflow="fold")
    for title in ("runs", "time"):
        table.add_column(title, justify="right", no_wrap=True)
    if wide:
        table.add_column("reason", overflow="fold")
    for rank, trial in enumerate(shown, 1):
        table.add_row(*_row(standing, rank, trial, wide=wide))
    return table


def _columns_fit(standing: Standing, shown: Sequence[Trial], width: int) -> bool:
    reasons = any(why(trial) for trial in shown)
    needed = _FIXED_WIDTH + (_REASON_WIDTH if reasons else 0)
    for parameter in standing.job.spec.parameters:
        values = (short(parameter, trial.spec.parameters.get(parameter.name)) for trial in shown)
        needed += 2 + max(len(parameter.name), *(len(value) for value in values), 1)
    return needed <= width


def _row(standing: Standing, rank: int, trial: Trial, *, wide: bool) -> list["Text"]:
    from rich.text import Text

    place, identity, state, value, together, runs, time, reason = _cells(standing, rank, trial)
    best = trial is standing.best
    settings = [Text(short(p, trial.spec.parameters.get(p.name))) for p in standing.job.spec.parameters]
    if not wide:
        settings = [Text(together)]
        settings[0].append(f"\n{reason}" if reason else "", style="dim")
    return [
        Text(place.replace("*", " ★"), style="bold yellow" if best else ""),
        Text(identity),
        Text(state, style=STATE_STYLES.get(trial.status.state, "")),
        Text(value, style="bold" if best else ""),
        *settings,
        Text(runs),
        Text(time),
        *([Text(reason, style="dim")] if wide else []),
    ]


def summary(standing: Standing) -> "Text":
    """Give what is to be known of the search as a whole: how it ended, the best trial, its model, what was used."""
    from rich.text import Text

    job, text = standing.job, Text()
    text.append(f"{job.name}: {job.status.state}", style="bold")
    outcome = standing.outcome
    if outcome is not None:
        head, last, _ = split(outcome.message)
        text.append(f" ({outcome.reason})" + (f": {head}" if head else "") + (f"\n        {last}" if last else ""))
    text.append(f"\ntrials  {_counts(standing)}")
    text.append(f"\nbest    {best_line(standing)}", style="bold" if standing.best else "")
    text.append(f"\nmodel   {model_line(standing)}")
    text.append(f"\nused    {_usage(standing)}")
    if log := _last_log(standing):
        text.append(f"\nlog     {log}")
    return text


def _counts(standing: Standing) -> str:
    states = [f"{n:,} {STATE_WORDS[s]}" for s in STATE_WORDS if (n := standing.counts.get(s, 0))]
    planned = f" of {standing.planned:,} planned" if standing.planned not in (None, len(standing.trials)) else ""
    return f"{len(standing.trials):,}{planned}" + (f": {', '.join(states)}" if states else "")


def best_line(standing: Standing) -> str:
    """Give the best trial in a line."""
    best = standing.best
    if best is None:
        return not_yet(standing.job, "no trial has succeeded")
    settings = assignments(standing.job.spec.parameters, best.spec.parameters)
    return f"{standing.job.spec.objective.metric} {number(best.status.value)} in trial {best.spec.trial_id}: {settings}"


def model_line(standing: Standing) -> str:
    """Give where the best trial's model is."""
    told = standing.job.status.best
    path = (told and (told.model_uri or told.model_path)) or (standing.best and standing.best.status.model_path)
    return path or "none was saved"


def _last_log(standing: Standing) -> str:
    """Name the log of the trial that failed last."""
    failed = [trial for trial in standing.finished if log_file(trial)]
    return f"{log_file(failed[-1])} of trial {failed[-1].spec.trial_id}, which failed last" if failed else ""


def _usage(standing: Standing) -> str:
    gpu = standing.job.status.usage.gpu_seconds
    return f"{duration(standing.trial_seconds)} of trial time" + (f", {duration(gpu)} of GPU time" if gpu else "")
