"""What the sidecar left behind as its termination message.

Owns: the way from a pod's status to an accepted report. A report that was accepted always wins, also if the sidecar was
started again after it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from autosearch.engine.snapshot import Report
from autosearch.kubernetes.pod_parts import Json, message_of, sidecar_status, state
from autosearch.reporting.messages import FinalReport, Refused
from autosearch.sidecar.settings import Verdict


@dataclass(frozen=True, slots=True)
class Heard:
    """A sidecar's verdict in the engine's words.

    Attributes:
        report: the accepted final report.
        reported: when it was accepted.
        refusal: why the last one was refused.
        diverged: that one held NaN or infinity.
        fault: one word for what keeps the trial from starting.
        message: the same for people.
    """

    report: Report | None = None
    reported: datetime | None = None
    refusal: str = ""
    diverged: bool = False
    fault: str = ""
    message: str = ""


def verdict_of(pod: Json) -> Heard:
    """Give the sidecar's verdict, of its present state or of its last one."""
    found = list(_verdicts(pod))
    with_report = (heard for heard in found if heard.report is not None)
    return next(with_report, found[0] if found else Heard())


def words_of(message: str) -> str:
    """Give a termination message for people: one of ours is JSON."""
    verdict = Verdict.from_json(message) if message else None
    # A script's own last line may be JSON too, and have a `message`.
    if verdict is None or verdict.to_json() != message.strip():
        return message
    return str(verdict.message or verdict.refusal)


def _verdicts(pod: Json) -> Iterator[Heard]:
    status = sidecar_status(pod)
    for last in (False, True):
        verdict = Verdict.from_json(message_of(state(status, "terminated", last=last)))
        if verdict is not None:
            yield _heard(verdict)


def _heard(verdict: Verdict) -> Heard:
    return Heard(
        report=_report(verdict),
        reported=datetime.fromtimestamp(verdict.reported, UTC) if isinstance(verdict.reported, int | float) else None,
        refusal=str(verdict.refusal),
        diverged=verdict.diverged is True,
        fault=str(verdict.fault),
        message=str(verdict.message),
    )


def _report(verdict: Verdict) -> Report | None:
    if not isinstance(verdict.report, dict):
        return None
    try:
        read = FinalReport.from_dict(verdict.report)
    except Refused:
        return None
    return Report(read.value, read.metrics, read.model_path, read.checkpoint_path)
