"""What is refused: a spec that breaks the rules, a template or a run that the API server does not take.

Owns: the end of a search that could never have worked, and the words for the waits. A search that has a success to lose
waits instead of ending.
"""

from collections.abc import Sequence
from datetime import datetime

from autosearch.api.errors import Problem
from autosearch.api.job import JobStatus
from autosearch.api.meta import with_condition
from autosearch.engine.work import Work

_LONGEST = 3800


def is_spec_refused(work: Work) -> bool:
    """Say whether the job breaks the rules and has not started: it never will."""
    return bool(work.snapshot.problems) and not work.trials


def refuse(work: Work) -> None:
    """Put on record that the search ends because of its spec."""
    work.status = work.status.replace(observed_generation=work.job.metadata.generation)
    work.set_condition("Progressing", "False", "InvalidSpec", text_of(work.snapshot.problems))


def refused_status(status: JobStatus, problems: Sequence[Problem], now: datetime, generation: int | None) -> JobStatus:
    """Give the status of a job that cannot even be read, so that no snapshot can be made of it.

    Args:
        status: what the job has as its status, as far as it can be read; else an empty one.
        problems: all that is wrong with the document.
        now: the present time, with a time zone.
        generation: the document's `metadata.generation`.
    """
    message = text_of(problems)
    conditions = status.conditions
    for kind, value in (("Progressing", False), ("Failed", True), ("Finished", True)):
        conditions = with_condition(
            conditions, kind, "True" if value else "False", "InvalidSpec", message, now=now, generation=generation
        )
    return status.replace(
        observed_generation=generation,
        state="Failed",
        conditions=conditions,
        completion_time=status.completion_time or now,
    )


def text_of(problems: Sequence[Problem]) -> str:
    """Write problems a line each, as many as a condition's message holds."""
    lines: list[str] = []
    room = _LONGEST
    for problem in problems:
        line = str(problem)
        room -= len(line) + 1
        if room < 0 and lines:
            return "\n".join([*lines, f"... and {len(problems) - len(lines)} more"])
        lines.append(line[:_LONGEST])
    return "\n".join(lines)


def template_refused(work: Work) -> tuple[str, str] | None:
    """Give the end of a search whose template the API server refuses, unless a trial has succeeded with it."""
    blocked = work.snapshot.blocked
    if blocked is None or blocked.kind != "fatal" or work.status.best is not None:
        return None
    return "InvalidTemplate", blocked.message


def wait(work: Work) -> tuple[str, str] | None:
    """Give why nothing new is started, as a reason and a message for people."""
    blocked = work.snapshot.blocked
    if work.snapshot.problems:
        return "InvalidEdit", text_of(work.snapshot.problems)
    if blocked is None:
        return None
    return "TemplateRefused" if blocked.kind == "fatal" else blocked.reason, blocked.message
