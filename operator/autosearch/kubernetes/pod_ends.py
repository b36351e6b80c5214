"""When a pod's run is over, and whether that was the trial's own doing.

Owns: the rules of disruption and loss. An exit code alone says nothing about a node that went away.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from autosearch.kubernetes.pod_parts import (
    Json,
    all_statuses,
    condition,
    deletion_time,
    init_statuses,
    is_true,
    message_of,
    state,
    time_of,
    trial_status,
)
from autosearch.kubernetes.pod_verdict import words_of
from autosearch.sidecar.settings import Verdict

CLOCK_SKEW = timedelta(seconds=10)
"""A node's clock and the API server's may differ by this."""
# Kueue's, before it deletes a pod.
_TERMINATION_TARGET = "TerminationTarget"
_DISRUPTION_TARGET = "DisruptionTarget"
# What the runtime says of a container that it lost sight of: the node was restarted, or the runtime's state is gone.
_LOST_CONTAINER = frozenset({"ContainerStatusUnknown", "Unknown"})
_DEADLINE = "DeadlineExceeded"
# The kubelet's words where a pod used more of the node's disk than its own limits allow.
_OWN_LIMIT = re.compile(r"exceeds the (?:total )?limit|exceeded its local ephemeral storage limit", re.IGNORECASE)
# The runtime could not start the program: what a shell calls 127 and 126.
_START_FAILURES = frozenset({"StartError", "ContainerCannotRun"})
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended.

    Attributes:
        reason: one word; "" where the exit code says it all.
        message: for people: the end of the trial's log, or what the kubelet said.
        disrupted: by no fault of the trial.
        doomed: its process never started, by a fault before it.
    """

    reason: str = ""
    message: str = ""
    disrupted: bool = False
    doomed: bool = False


def is_over(pod: Json, now: datetime) -> bool:
    """Say whether a pod can use its GPU no more, as far as anybody can know."""
    if _phase(pod) in {"Succeeded", "Failed"}:
        return True
    if deletion_time(pod) is None:
        return False
    return _is_unbound(pod) or _all_terminated(pod) or is_lost(pod, now)


def is_lost(pod: Json, now: datetime) -> bool:
    """Say whether a pod went down with its node: deleted for a taint, and its grace is over without a sign of it."""
    due = lost_at(pod)
    return due is not None and now > due


def lost_at(pod: Json) -> datetime | None:
    """Give the time from which a pod that is Terminating counts as lost, though nothing else happens to it.

    None for one that is not being deleted for its node's taint, or whose containers have all ended.
    """
    found = condition(pod, _DISRUPTION_TARGET)
    if not is_true(found) or found.get("reason") != "DeletionByTaintManager":
        return None
    if _phase(pod) in {"Succeeded", "Failed"} or _all_terminated(pod):
        return None
    return deletion_time(pod)


def end_of(pod: Json, now: datetime, *, doomed: bool = False) -> End:
    """Say how a run that is over ended, its report left aside.

    Args:
        doomed: it could never start, and for that it is deleted.
    """
    log = words_of(message_of(state(trial_status(pod), "terminated")))
    status = pod.get("status") or {}
    for found in (_kubelet(status), _disruption(pod), _lost_container(pod), _init_failure(pod)):
        if found is not None:
            return replace(found, message=found.message or log)
    if is_lost(pod, now):
        return End("NodeLost", "its node was lost", disrupted=True)
    if not doomed and _was_deleted(pod):
        return End("PodDeleted", "the pod was deleted while it ran", disrupted=True)
    return End(_container_reason(pod), log or message_of(status))


def exit_code(pod: Json) -> int | None:
    """Give the exit code of the trial's process; for a program that could not be started, what a shell would give."""
    ended = state(trial_status(pod), "terminated")
    code = ended.get("exitCode")
    if ended.get("reason") in _START_FAILURES:
        text = message_of(ended).lower()
        if "not found" in text or "no such file" in text:
            return _NOT_FOUND
        if "permission denied" in text or "exec format error" in text:
            return _NOT_EXECUTABLE
    return None if code is None else int(code)


def started(pod: Json) -> datetime | None:
    """Give when the trial's process started."""
    status = trial_status(pod)
    return time_of((state(status, "running") or state(status, "terminated")).get("startedAt"))


def finished(pod: Json) -> datetime | None:
    """Give when the trial's process ended."""
    return time_of(state(trial_status(pod), "terminated").get("finishedAt"))


def last_finished(pod: Json) -> datetime | None:
    """Give when the last container ended, of those that did."""
    times = [time_of(state(status, "terminated").get("finishedAt")) for status in all_statuses(pod)]
    return max((time for time in times if time is not None), default=None)


def disrupted_at(pod: Json) -> datetime | None:
    """Give when a pod was marked for its end by somebody else."""
    marks = [condition(pod, kind) for kind in (_TERMINATION_TARGET, _DISRUPTION_TARGET)]
    return next((time_of(mark.get("lastTransitionTime")) for mark in marks if is_true(mark)), None)


def _phase(pod: Json) -> str:
    return str((pod.get("status") or {}).get("phase") or "")


def _is_unbound(pod: Json) -> bool:
    """A pod without a node that is not gone yet is held by a finalizer; no kubelet will ever start it."""
    return not (pod.get("spec") or {}).get("nodeName")


def _all_terminated(pod: Json) -> bool:
    spec = pod.get("spec") or {}
    expected = len(spec.get("containers") or []) + len(spec.get("initContainers") or [])
    ended = [status for status in all_statuses(pod) if state(status, "terminated")]
    return bool(expected) and len(ended) == expected


def _disruption(pod: Json) -> End | None:
    """Eviction, preemption, drain, taint, node shutdown: whoever did it has said so in a condition."""
    for kind in (_TERMINATION_TARGET, _DISRUPTION_TARGET):
        found = condition(pod, kind)
        if is_true(found) and not _ended_before(pod, time_of(found.get("lastTransitionTime"))):
            return End(str(found.get("reason") or kind), message_of(found), disrupted=True)
    return None


def _ended_before(pod: Json, time: datetime | None) -> bool:
    """Say whether the trial ended by itself, clearly before something was done to its pod."""
    ended = finished(pod)
    return ended is not None and time is not None and ended + CLOCK_SKEW < time


def _kubelet(status: Json) -> End | None:
    """The kubelet ended the pod, or never took it: evicted, out of a resource, the node shuts down."""
    reason = str(status.get("reason") or "")
    if status.get("phase") != "Failed" or not reason:
        return None
    message = message_of(status)
    own_fault = reason == _DEADLINE or (reason == "Evicted" and _OWN_LIMIT.search(message) is not None)
    return End(reason, message, disrupted=not own_fault)


def _lost_container(pod: Json) -> End | None:
    ended = state(trial_status(pod), "terminated")
    if ended.get("reason") not in _LOST_CONTAINER:
        return None
    return End("NodeLost", message_of(ended) or "the node lost sight of the container", disrupted=True)


def _init_failure(pod: Json) -> End | None:
    """An init container failed, so the trial never started."""
    if state(trial_status(pod), "terminated"):
        return None
    for status in init_statuses(pod):
        ended = state(status, "terminated")
        if ended.get("exitCode") and _phase(pod) == "Failed":
            verdict = Verdict.from_json(message_of(ended))
            if verdict is not None and verdict.fault:
                return End(verdict.fault, verdict.message, doomed=True)
            said = message_of(ended) or str(ended.get("reason") or "")
            text = f"init container `{status.get('name')}` failed with exit code {ended['exitCode']}: {said}"
            return End("InitContainerFailed", text, doomed=True)
    return None


def _was_deleted(pod: Json) -> bool:
    grace_over = deletion_time(pod)
    if grace_over is None:
        return False
    seconds = (pod.get("metadata") or {}).get("deletionGracePeriodSeconds") or 0
    return not _ended_before(pod, grace_over - timedelta(seconds=seconds))


def _container_reason(pod: Json) -> str:
    """Give the runtime's word where it says more than the exit code does: `OOMKilled`, `StartError`."""
    reason = str(state(trial_status(pod), "terminated").get("reason") or "")
    return "" if reason in {"Completed", "Error"} else reason
