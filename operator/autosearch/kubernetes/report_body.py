"""The body of a report: decoded, and everything that the sidecar has checked once checked again.

Owns: which reports are believed of which pod. The sender is a pod of the user's namespace: its sidecar may be another
program. It reads no file: whether a path exists only the sidecar can see.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from autosearch.kubernetes.report_answers import Rejected
from autosearch.reporting.messages import (
    LARGEST_STEP,
    PATH_BYTES,
    REPORT_BYTES,
    FinalReport,
    Message,
    ProgressReport,
    Refused,
    number,
    numbers,
    parse_request,
    plain,
    shown,
    text,
)

LATEST_TIME = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class PodIdentity:
    """A pod of ours, as the operator knows it.

    Attributes:
        namespace, name, uid: of the pod.
        job: name of the AutoSearchJob.
        job_id: what the script sees as `--job_id`; the first folder of every reported path.
        trial: name of the Trial object.
        attempt: attempt id, the second folder.
        metric: name of the objective.
        alive: False once the pod has ended.
    """

    namespace: str
    name: str
    uid: str
    job: str
    job_id: str
    trial: str
    attempt: str
    metric: str
    alive: bool = True


@dataclass(frozen=True, slots=True)
class FinalSubmission:
    """A final report, and when the sidecar accepted it, in seconds since the epoch."""

    report: FinalReport
    reported: float


def read_submission(body: bytes, pod: PodIdentity) -> ProgressReport | FinalSubmission:
    """Read a report of a pod.

    Raises:
        Rejected: 400 naming the field, what was found and what to write; 403 for a report of another trial or attempt.
    """
    try:
        message = parse_request(body)
        kind = _kind(message)
        _check_owner(message, pod)
        return _progress(message, pod) if kind == "progress" else _final(message, pod)
    except Refused as error:
        raise Rejected(400, str(error)) from None


def _kind(message: Message) -> str:
    kind = message.get("type")
    if kind not in ("progress", "final"):
        raise Refused(f"type: found {shown(kind)}, write 'progress' or 'final'")
    return str(kind)


def _check_owner(message: Message, pod: PodIdentity) -> None:
    for field, own in (("trial", pod.trial), ("attempt", pod.attempt)):
        found = text(message, field)
        if found != own:
            raise Rejected(403, f"{field}: found {shown(found)}, the token is of a pod of {own!r}")


def _progress(message: Message, pod: PodIdentity) -> ProgressReport:
    metrics = numbers("metrics", message.get("metrics"))
    _limit("metrics", metrics)
    path = _path("checkpoint_path", text(message, "checkpoint_path"), pod)
    return ProgressReport(_step(message.get("step")), metrics, path)


def _step(found: object) -> int:
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= LARGEST_STEP:
        raise Refused(f"step: found {shown(found)}, write a whole number from 0 to {LARGEST_STEP}")
    return found


def _final(message: Message, pod: PodIdentity) -> FinalSubmission:
    found = message.get("report")
    if not isinstance(found, dict):
        raise Refused(f"report: found {shown(found)}, write an object with value, metrics, modelPath, checkpointPath")
    report = FinalReport.from_dict(found)
    if report.metrics.get(pod.metric) != report.value:
        raise Refused(f"report.metrics: found no {pod.metric!r} that equals report.value, {report.value!r}")
    own = f"{pod.job_id}/{pod.attempt}"
    if report.model_path not in ("", own):
        raise Refused(f"report.modelPath: found {shown(report.model_path)}, write {own!r} or an empty text")
    _path("report.checkpointPath", report.checkpoint_path, pod)
    _limit("report", report.to_dict())
    reported = number("reported", message.get("reported"))
    if not 0 <= reported <= LATEST_TIME:
        raise Refused(f"reported: found {reported!r}, write seconds since 1970, before the year 9999")
    return FinalSubmission(report, reported)


def _limit(field: str, found: dict[str, Any]) -> None:
    size = len(json.dumps(found, ensure_ascii=False).encode("utf-8"))
    if size > REPORT_BYTES:
        raise Refused(f"{field}: {size} bytes as JSON, at most {REPORT_BYTES} are kept: use fewer and shorter names")


def _path(field: str, found: str, pod: PodIdentity) -> str:
    """Check a path below the output root by its text: "" or a file somewhere in the job's own folder."""
    if not found:
        return ""
    if not plain(found) or len(found.encode("utf-8")) > PATH_BYTES:
        raise Refused(f"{field}: found {shown(found)}, write at most {PATH_BYTES} bytes without control characters")
    first, *rest = found.split("/")
    if first != pod.job_id or not rest or any(part in ("", ".", "..") for part in rest):
        raise Refused(f"{field}: found {shown(found)}, write a path such as '{pod.job_id}/{pod.attempt}/model.pkl'")
    return found
