"""How numbers, times, values and reasons are written for people.

Owns: the wording shared by all views. Exact values stay in the JSON; nothing here is ever read back.
"""

import math
from datetime import datetime, timedelta

from autosearch.api.base import Scalar
from autosearch.api.meta import Condition
from autosearch.api.parameters import Boolean, Categorical, Discrete, FloatRange, IntRange, Parameter, value_text
from autosearch.api.trial import Trial, Values

MINUTE, HOUR, DAY = 60, 3600, 86_400
NOTHING = "\N{EN DASH}"
STATE_WORDS = {
    "Pending": "waiting",
    "Running": "running",
    "Succeeded": "succeeded",
    "EarlyStopped": "stopped early",
    "Failed": "failed",
    "Stopped": "stopped",
}
# What the reasons of attempts mean; others are shown as they are.
REASON_WORDS = {
    "Reported": "reported its result",
    "ScriptFailed": "the script failed",
    "NoReport": "ended without a report",
    "ReportRefused": "its report was refused",
    "Diverged": "the training diverged",
    "UsageError": "the script refused its arguments",
    "CannotExecute": "the command cannot be executed",
    "CommandNotFound": "the command was not found",
    "OOMKilled": "out of memory",
    "TimedOut": "took too long",
    "EarlyStopped": "stopped early",
    "SearchEnded": "the search ended",
    "Suspended": "suspended",
    "Interrupted": "interrupted",
    "Lost": "lost",
    "DirectoryExists": "its folder was taken",
    "Evicted": "evicted by the node",
    "Preempted": "preempted",
    "ContainerCannotRun": "could not be started",
    "StartError": "could not be started",
}
_ENDS = ("Complete", "Failed", "StopRequested", "Stopped")


def number(value: float | None, digits: int = 5) -> str:
    """Write a number with that many significant digits: `0.96454`, `1,234,567`, `1.2e-05`; a dash for None."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if float(value).is_integer() and abs(value) < 1e15:  # noqa: PLR2004 - beyond, a float's integers have gaps
        return f"{int(value):,}"
    return f"{value:.{digits}g}"


def duration(seconds: float | None) -> str:
    """Write a length of time with at most two units: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`, `3 d 4 h`."""
    if seconds is None:
        return NOTHING
    if seconds < 9.95:  # noqa: PLR2004 - below ten, tenths still tell something
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02d} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE:02d} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"


def roughly(seconds: float) -> str:
    """Write an estimated length of time in one unit: `less than a minute`, `17 min`, `3 h`, `2 d`."""
    if seconds < MINUTE:
        return "less than a minute"
    if seconds < 90 * MINUTE:
        return f"{round(seconds / MINUTE)} min"
    return f"{round(seconds / HOUR)} h" if seconds < 2 * DAY else f"{round(seconds / DAY)} d"


def clock(seconds: float) -> str:
    """Write a length of time as short as a table wants it: `42s`, `3:05`, `2:10:00`."""
    if seconds < 9.95:  # noqa: PLR2004 - below ten, tenths still tell something
        return f"{max(seconds, 0.0):.1f}s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole}s"
    hours, rest = divmod(whole, HOUR)
    return f"{hours}:{rest // MINUTE:02d}:{rest % MINUTE:02d}" if hours else f"{rest // MINUTE}:{rest % MINUTE:02d}"


def moment(time: datetime | None) -> str:
    """Write a point in time in UTC, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC") if time else NOTHING


def share(part: float) -> str:
    """Write a share of 1 as a percentage."""
    return f"{100 * part:.0f} %"


def counted(count: int, noun: str, plural: str = "") -> str:
    """Write a count with its noun: `1 trial`, `2,000 trials`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def exact(parameter: Parameter, value: Scalar | None) -> str:
    """Write a value as the script saw it, or as it is where it no longer fits the declaration."""
    if value is None:
        return NOTHING
    try:
        return value_text(parameter, value)
    except ValueError:
        return str(value)


def short(parameter: Parameter, value: Scalar | None, digits: int = 4) -> str:
    """Write a value as the script saw it, but floats with fewer digits."""
    if isinstance(parameter.domain, FloatRange) and isinstance(value, int | float) and not isinstance(value, bool):
        return f"{float(value):.{digits}g}"
    return exact(parameter, value)


def assignments(parameters: list[Parameter], values: Values) -> str:
    """Write a parameter set in one line: `lr=0.01 layers=3`."""
    return " ".join(f"{p.name}={short(p, values.get(p.name))}" for p in parameters)


def domain_text(parameter: Parameter) -> str:
    """Write what values a parameter may take: `0.0001 to 0.1, log`."""
    domain = parameter.domain
    if isinstance(domain, Boolean):
        return "True, False"
    if isinstance(domain, Categorical):
        return ", ".join(domain.choices)
    if isinstance(domain, Discrete):
        return ", ".join(exact(parameter, value) for value in domain.values)
    return _range_text(domain)


def _range_text(domain: FloatRange | IntRange) -> str:
    step = f", step {domain.step:g}" if domain.step else ""
    scale = ", log" if domain.scale == "Log" else ""
    return f"{domain.min:g} to {domain.max:g}{scale}{step}"


def run_seconds(trial: Trial, now: datetime | None = None) -> float | None:
    """Give how long all attempts ran, in seconds; those that run still, until `now`. None: the trial never started."""
    spans = [
        (end - attempt.start_time).total_seconds()
        for attempt in trial.status.attempts
        if attempt.start_time is not None and (end := attempt.end_time or now) is not None
    ]
    if spans:
        return max(sum(spans), 0.0)
    start, end = trial.status.start_time, trial.status.completion_time or now
    return max((end - start) / timedelta(seconds=1), 0.0) if start and end else None


def why(trial: Trial) -> str:
    """Say in one line why a trial failed or was stopped; empty where there is nothing to explain."""
    if trial.status.state in ("Succeeded", "Running", "Pending"):
        return ""
    said = _condition_of(trial)
    # A failure's message ends with the log's last line, which does not say how the script ended: the attempt does.
    if said is not None and said.message and not (said.type == "Failed" and trial.status.attempts):
        return _last_line(said.message)
    if not trial.status.attempts:
        return STATE_WORDS[trial.status.state]
    last = trial.status.attempts[-1]
    word = REASON_WORDS.get(last.reason, last.reason) or STATE_WORDS[trial.status.state]
    code = f" (exit code {last.exit_code})" if last.exit_code and last.reason != "OOMKilled" else ""
    line = _last_line(last.message)
    return f"{word}{code}: {line}" if line else f"{word}{code}"


def last_words(trial: Trial) -> str:
    """Give what the last attempt left behind: the end of its log, or its message."""
    return trial.status.attempts[-1].message if trial.status.attempts else ""


def _condition_of(trial: Trial) -> Condition | None:
    found = [c for c in trial.status.conditions if c.type in _ENDS and c.status == "True"]
    return max(found, key=lambda condition: condition.last_transition_time, default=None)


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
