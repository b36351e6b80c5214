"""Live progress of a search: a picture that renews itself in a terminal, plain lines anywhere else.

Owns: what is shown while a search runs. It is called several times a second and
does work in proportion to what has changed: finished trials are looked at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial
from autosearch.engine.snapshot import Run
from autosearch.views.standing import Standing, job_outcome, planned_trials
from autosearch.views.table import STATE_STYLES, summary
from autosearch.views.tally import Tally, seconds_left
from autosearch.views.wording import STATE_WORDS, assignments, clock, duration, number, roughly, run_seconds, why

if TYPE_CHECKING:
    from rich.console import Console, Group, RenderableType
    from rich.live import Live
    from rich.text import Text

HEARTBEAT_SECONDS = 30
ROWS = 8
BAR = 24


@dataclass(frozen=True)
class _Moment:
    """One call of `update`, so that the parts of the picture need not pass six arguments on."""

    job: AutoSearchJob
    now: datetime
    tally: Tally
    live: Sequence[Trial]
    runs: Mapping[str, Run]
    draining: bool

    @property
    def metric(self) -> str:
        return self.job.spec.objective.metric

    @property
    def started(self) -> list[Trial]:
        return [trial for trial in self.live if trial.status.state == "Running"]

    @property
    def left(self) -> float | None:
        elapsed = [run_seconds(trial, self.now) or 0.0 for trial in self.started]
        return seconds_left(self.tally, planned_trials(self.job), self.job.spec.parallelism, elapsed)

    @property
    def elapsed(self) -> float | None:
        start = self.job.status.start_time
        return (self.now - start).total_seconds() if start else None

    def waits(self) -> list[str]:
        """Why something waits, in sentences without repetition."""
        said = [f"{r.reason or 'waiting'}: {r.message}".rstrip(": ") for r in self.runs.values() if _is_waiting(r)]
        outcome = job_outcome(self.job)
        if outcome is not None and outcome.status == "False" and outcome.message:
            said.append(outcome.message)
        return list(dict.fromkeys(said))


def _is_waiting(run: Run) -> bool:
    return run.alive and run.started is None and bool(run.reason or run.message)


class LiveProgress:
    """Shows a running search on a console until `finish`."""

    def __init__(self, console: "Console") -> None:
        """Take the console to write to; whether it is a terminal decides the form."""
        self._console = console
        self._live: Live | None = None
        self._tally: Tally | None = None
        self._spoke: datetime | None = None
        self._waits: list[str] = []

    def update(
        self,
        job: AutoSearchJob,
        trials: Sequence[Trial],
        now: datetime,
        *,
        running: Sequence[Run] = (),
        draining: bool = False,
    ) -> None:
        """Show how the search stands.

        Args:
            trials: all of the job's trials.
            now: the present, timezone-aware.
            running: runs that are alive, for the reasons of those that wait.
            draining: whether the search was asked to end after the running trials.
        """
        self._tally = self._tally or Tally(maximize=job.spec.objective.direction == "Maximize")
        live = self._tally.look(trials)
        runs = {run.trial_name: run for run in running}
        moment = _Moment(job, now, self._tally, live, runs, draining)
        if self._console.is_terminal:
            self._show(moment)
        else:
            self._speak(moment)

    def finish(self, job: AutoSearchJob, trials: Sequence[Trial]) -> None:
        """End the picture and leave the summary behind."""
        if self._live is not None:
            self._live.update("", refresh=True)
            self._live.stop()
            self._live = None
        text = summary(Standing(job, trials))
        if self._console.is_terminal:
            self._console.print(text, highlight=False)
        else:
            self._console.out(text.plain, highlight=False)

    def _show(self, moment: _Moment) -> None:
        from rich.live import Live  # noqa: PLC0415 - rich costs a tenth of a second, which `--help` must not pay

        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(picture(moment), refresh=True)

    def _speak(self, moment: _Moment) -> None:
        lines = finished_lines(moment)
        waits = moment.waits()
        if waits != self._waits:
            lines += [f"waiting: {wait}" for wait in waits if wait not in self._waits]
            self._waits = waits
        silent = None if self._spoke is None else (moment.now - self._spoke).total_seconds()
        if not lines and (silent is None or silent >= HEARTBEAT_SECONDS):
            lines = [heartbeat(moment)]
        for line in lines:
            self._console.out(line, highlight=False)
        if lines:
            self._spoke = moment.now


def finished_lines(moment: _Moment) -> list[str]:
    """Give a line for each trial that has just finished; improvements are marked."""
    planned = planned_trials(moment.job)
    total = f"/{planned}" if planned is not None else ""
    first = moment.tally.finished - len(moment.tally.fresh) + 1
    return [f"[{first + i}{total}] {_line(moment, trial)}" for i, trial in enumerate(moment.tally.fresh)]


def _line(moment: _Moment, trial: Trial) -> str:
    status = trial.status
    value = f" {moment.metric}={number(status.value)}" if status.value is not None else ""
    mark = " (best so far)" if trial is moment.tally.best else ""
    took = run_seconds(trial)
    time = f" in {duration(took)}" if took is not None else ""
    reason = f": {text}" if (text := why(trial)) else ""
    settings = assignments(moment.job.spec.parameters, trial.spec.parameters)
    return f"trial {trial.spec.trial_id} {STATE_WORDS[status.state]}{value}{mark}{time}{reason} | {settings}"


def heartbeat(moment: _Moment) -> str:
    """Give a line that says that the search is alive."""
    planned = planned_trials(moment.job)
    parts = [
        f"{moment.tally.finished}{'/' + str(planned) if planned is not None else ''} trials finished",
        f"{len(moment.started)} running",
        *([f"{failed} failed"] if (failed := moment.tally.by_state.get("Failed")) else []),
        *([f"best {moment.metric}={number(best.status.value)}"] if (best := moment.tally.best) else []),
        *([f"{roughly(left)} left"] if (left := moment.left) is not None else []),
        *(["ending after the running trials"] if moment.draining else []),
    ]
    return ", ".join(parts)


def picture(moment: _Moment) -> "Group":
    """Give the picture of a terminal: head, bar, best, running trials, waits."""
    from rich.console import Group  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    parts: list[RenderableType] = [_head(moment), _bar(moment), _best(moment)]
    if moment.started:
        parts += _running(moment)
    parts += [Text(f"  waiting  {wait}", style="yellow", overflow="ellipsis", no_wrap=True) for wait in moment.waits()]
    if moment.draining:
        parts.append(Text("  ending after the running trials; press Ctrl-C again to stop now", style="yellow"))
    return Group(*parts)


def _head(moment: _Moment) -> "Text":
    from rich.text import Text  # noqa: PLC0415

    job = moment.job
    head = Text(no_wrap=True, overflow="ellipsis")
    head.append(job.name, style="bold")
    head.append(f"  {job.spec.algorithm.name}, {job.spec.objective.direction.lower()} {moment.metric}", style="dim")
    return head


def _bar(moment: _Moment) -> "Text":
    from rich.text import Text  # noqa: PLC0415

    planned, done = planned_trials(moment.job), moment.tally.finished
    failed = moment.tally.by_state.get("Failed", 0)
    filled = round(BAR * min(done / planned, 1)) if planned else 0
    times = [duration(moment.elapsed)] if moment.elapsed is not None else []
    times += [f"{roughly(left)} left"] if (left := moment.left) is not None else []
    bar = Text(no_wrap=True, overflow="ellipsis")
    bar.append("━" * filled, style="green" if done == planned else "magenta")
    bar.append("─" * (BAR - filled), style="bright_black")
    bar.append(f"  {done}/{planned if planned is not None else '?'}", style="bold")
    bar.append(f"  {len(moment.started)} running", style="cyan")
    bar.append(f"  {failed} failed" if failed else "", style="red")
    bar.append(f"  {', '.join(times)}", style="dim")
    return bar


def _best(moment: _Moment) -> "Text":
    from rich.text import Text  # noqa: PLC0415

    best = moment.tally.best
    if best is None:
        return Text("  no trial has succeeded yet", style="dim")
    text = Text("★ ", style="bold yellow", no_wrap=True, overflow="ellipsis")
    text.append(f"{moment.metric} {number(best.status.value)}", style="bold")
    text.append(f"  trial {best.spec.trial_id}  ", style="default")
    text.append(assignments(moment.job.spec.parameters, best.spec.parameters), style="default")
    return text


def _running(moment: _Moment) -> "list[Text]":
    from rich.text import Text  # noqa: PLC0415

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
