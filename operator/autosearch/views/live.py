"""Live progress of a search: a picture that renews itself in a terminal, plain lines anywhere else.

Owns: what is shown while a search runs. It is called several times a second and
does work in proportion to what has changed: finished trials are looked at once.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial
from autosearch.engine.snapshot import Run
from autosearch.views.moment import DRAINING, Moment
from autosearch.views.picture import picture
from autosearch.views.scoreboard import Scoreboard
from autosearch.views.standing import Standing
from autosearch.views.table import summary
from autosearch.views.wording import STATE_WORDS, assignments, duration, number, run_seconds, why

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

HEARTBEAT_SECONDS = 30


class LiveProgress:
    """Shows a running search on a console until `finish`."""

    def __init__(self, console: "Console") -> None:
        """Take the console to write to; whether it is a terminal decides the form."""
        self._console = console
        self._live: Live | None = None
        self._scores: Scoreboard | None = None
        self._spoke: datetime | None = None
        self._waits: list[str] = []
        self._draining = False
        self._failed: Trial | None = None

    def update(
        self,
        job: AutoSearchJob,
        trials: Sequence[Trial],
        now: datetime,
        *,
        running: Sequence[Run] = (),
        waiting: Sequence[str] = (),
        draining: bool = False,
    ) -> None:
        """Show how the search stands.

        Args:
            trials: all of the job's trials.
            now: the present, timezone-aware.
            running: runs that are alive, for the reasons of those that wait.
            waiting: further reasons why nothing happens, which neither the job nor its runs tell.
            draining: whether the search was asked to end after the running trials.
        """
        self._scores = self._scores or Scoreboard(maximize=job.spec.objective.direction == "Maximize")
        before = self._scores.best
        live = self._scores.look(trials)
        failed = [trial for trial in self._scores.fresh if trial.status.state == "Failed"]
        self._failed = failed[-1] if failed else self._failed
        runs = {run.trial_name: run for run in running}
        moment = Moment(job, now, self._scores, live, runs, draining, before, self._failed, waiting)
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

    def _show(self, moment: Moment) -> None:
        from rich.live import Live

        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(picture(moment), refresh=True)

    def _speak(self, moment: Moment) -> None:
        lines = finished_lines(moment) if self._spoke else going_on(moment)
        waits = moment.waits()
        if waits != self._waits:
            lines += [f"waiting: {wait}" for wait in waits if wait not in self._waits]
            self._waits = waits
        if moment.draining and not self._draining:
            lines.append(DRAINING)
        self._draining = moment.draining
        silent = None if self._spoke is None else (moment.now - self._spoke).total_seconds()
        if not lines and (silent is None or silent >= HEARTBEAT_SECONDS):
            lines = [heartbeat(moment)]
        for line in lines:
            self._console.out(line, highlight=False)
        if lines:
            self._spoke = moment.now


def going_on(moment: Moment) -> list[str]:
    """Give the first line of a search that was begun before: what it has already is not told again."""
    done = moment.scores.finished
    total = f" of {moment.total[1:]}" if moment.total else ""
    over = moment.job.status.completion_time is not None
    return [f"going on: {done}{total} trials are finished"] if done and not over else []


def finished_lines(moment: Moment) -> list[str]:
    """Give a line for each trial that has just finished; each that was the best when it finished is marked."""
    scores, lines = moment.scores, []
    then = Scoreboard(maximize=scores.maximize, best=moment.before)
    for place, trial in enumerate(scores.fresh, scores.finished - len(scores.fresh) + 1):
        value = trial.status.value
        better = trial.status.state == "Succeeded" and value is not None and then.improves(value)
        then.best = trial if better else then.best
        lines.append(f"[{place}{moment.total}] {_line(moment, trial, better=better)}")
    return lines


def _line(moment: Moment, trial: Trial, *, better: bool) -> str:
    status = trial.status
    value = f" {moment.metric}={number(status.value)}" if status.value is not None else ""
    mark = " (best so far)" if better else ""
    took = run_seconds(trial)
    time = f" in {duration(took)}" if took is not None else ""
    reason = f": {text}" if (text := why(trial)) else ""
    settings = assignments(moment.job.spec.parameters, trial.spec.parameters)
    return f"trial {trial.spec.trial_id} {STATE_WORDS[status.state]}{value}{mark}{time}{reason} | {settings}"


def heartbeat(moment: Moment) -> str:
    """Give a line that says that the search is alive."""
    parts = [
        f"{moment.scores.finished}{moment.total} trials finished",
        f"{len(moment.started)} running",
        *([f"{failed} failed"] if (failed := moment.scores.by_state.get("Failed")) else []),
        *([f"best {moment.metric}={number(best.status.value)}"] if (best := moment.scores.best) else []),
        *([moment.left] if moment.left else []),
        *(["ending after the running trials"] if moment.draining else []),
    ]
    return ", ".join(parts)
