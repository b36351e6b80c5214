"""What an algorithm may learn from a list of trials.

Owns: the reading of a trial list that may be unordered and may hold a trial twice, and the value that each trial counts
with. It proposes nothing.
"""

import math
from collections.abc import Iterable, Iterator

from autosearch.search.records import Proposal, Search, TrialRecord


def by_number(trials: Iterable[TrialRecord]) -> dict[int, TrialRecord]:
    """Give each trial once, in the order of their numbers; of two versions of a trial the finished one counts."""
    versions = sorted(trials, key=lambda trial: (trial.number, trial.finished))
    return {trial.number: trial for trial in versions}


def running(search: Search, proposal: Proposal) -> TrialRecord:
    """Give a proposal as the running trial that it becomes; its name is `<job>-<round>-<member>`."""
    return TrialRecord(
        name=f"{search.job_name}-{proposal.round}-{proposal.member}",
        number=proposal.number,
        state="Running",
        parameters=proposal.parameters,
        round=proposal.round,
        member=proposal.member,
        finished_seen=proposal.finished_seen,
    )


def own_value(trial: TrialRecord) -> float | None:
    """Give a finished trial's own finite value: its result, or its last observation if it was stopped early."""
    if not trial.finished or trial.state not in ("Succeeded", "EarlyStopped"):
        return None
    value = trial.value
    if trial.state == "EarlyStopped":
        value = trial.observations[-1][1] if trial.observations else None
    return value if value is not None and math.isfinite(value) else None


def failed(trial: TrialRecord) -> bool:
    """Say whether a trial counts as the worst: it failed by its own fault, or its result is no finite number."""
    broken = trial.state == "Succeeded" and own_value(trial) is None
    return trial.finished and (trial.state == "Failed" or broken)


def worst_value(search: Search, trials: Iterable[TrialRecord]) -> float | None:
    """Give the worst of the trials' own values; None if there is none."""
    values = (value for trial in trials if (value := own_value(trial)) is not None)
    return min(values, default=None) if search.maximize else max(values, default=None)


def lessons(search: Search, completed: Iterable[TrialRecord]) -> Iterator[tuple[TrialRecord, float]]:
    """Give the trials that count, in the order of completion that they come in, each with the value it counts with.

    A failed one counts with the worst value seen up to its own completion, and not at all before there is one. So a
    longer history never changes what an earlier trial counted with.
    """
    worst: float | None = None
    for trial in completed:
        value = own_value(trial)
        if value is not None and (worst is None or search.better(worst, value)):
            worst = value
        counted = worst if failed(trial) else value
        if counted is not None:
            yield trial, counted
