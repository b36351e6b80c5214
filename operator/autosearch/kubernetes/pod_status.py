"""A pod as the engine sees it.

Owns: the way from a pod's JSON to a `Run`. Pure: whoever calls gives the time, and what the pod's events say.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from autosearch.engine.snapshot import CleanerRun, Run
from autosearch.kubernetes.pod.cleaner import DIRECTORIES
from autosearch.kubernetes.pod.gpus import gpus_of
from autosearch.kubernetes.pod_ends import (
    disrupted_at,
    end_of,
    exit_code,
    finished,
    is_lost,
    is_over,
    last_finished,
    lost_at,
    started,
)
from autosearch.kubernetes.pod_events import hint_of
from autosearch.kubernetes.pod_parts import deletion_time, message_of, state, time_of
from autosearch.kubernetes.pod_verdict import Heard, verdict_of
from autosearch.kubernetes.pod_waits import wait_of
from autosearch.kubernetes.resources import ATTEMPT_LABEL, TRIAL_LABEL

__all__ = ["cleaner_of", "hint_of", "lost_at", "run_of"]


def run_of(pod: Mapping[str, Any], *, now: datetime, hint: str = "") -> Run:
    """Read one attempt from its pod.

    Args:
        now: decides whether a pod that is Terminating on a dead node is lost (`lost_at` says when that will be).
        hint: what `hint_of` made of the pod's events; used where the pod itself does not say why it waits.
    """
    heard = verdict_of(pod)
    begun = started(pod)
    doomed = bool(heard.fault) and begun is None and heard.report is None
    common = _common(pod, heard, begun) | {"doomed": doomed}
    if not is_over(pod, now):
        return Run(**common, **_waiting(pod, heard, hint, begun))
    if is_lost(pod, now) or heard.report is not None:
        return Run(**common, **_over(pod, now), **_lost_or_reported(pod, heard, now))
    end = end_of(pod, now, doomed=doomed)
    if doomed and not end.disrupted:
        return Run(**common, **_over(pod, now), reason=heard.fault, message=heard.message)
    return Run(
        **common | {"doomed": end.doomed},
        **_over(pod, now),
        reason=_word(end.reason),
        message=end.message,
        disrupted=end.disrupted,
    )


def _common(pod: Mapping[str, Any], heard: Heard, begun: datetime | None) -> dict[str, Any]:
    metadata = pod.get("metadata") or {}
    labels = metadata.get("labels") or {}
    return {
        "trial_name": labels.get(TRIAL_LABEL, ""),
        "attempt_id": labels.get(ATTEMPT_LABEL, ""),
        "uid": metadata.get("uid", ""),
        "started": begun,
        "exit_code": exit_code(pod),
        "refusal": heard.refusal,
        "diverged": heard.diverged,
        "stopping": deletion_time(pod) is not None,
        "gpus": gpus_of(pod),
        "held_from": time_of((pod.get("status") or {}).get("startTime")),
    }


def _waiting(pod: Mapping[str, Any], heard: Heard, hint: str, begun: datetime | None) -> dict[str, Any]:
    """Give what a run that is alive says of itself; why it waits, if it has not started."""
    told = {"report": heard.report, "reported": heard.reported}
    if heard.fault and begun is None:
        return {**told, "reason": heard.fault, "message": heard.message}
    if begun is not None or deletion_time(pod) is not None:
        return told
    wait = wait_of(pod, hint)
    return {**told, "reason": _word(wait.reason), "message": wait.message}


def _over(pod: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    last = last_finished(pod)
    begun = time_of((pod.get("status") or {}).get("startTime"))
    if last is None:
        # On a lost node it held its GPU until then; a pod that the kubelet refused never held any.
        last = (deletion_time(pod) or now) if is_lost(pod, now) else (disrupted_at(pod) or begun)
    return {"alive": False, "ended": finished(pod) or last, "held_until": last}


def _word(reason: str) -> str:
    """Make a condition's reason of a kubelet's: `OutOfnvidia.com/gpu` is none."""
    return re.sub(r"[^A-Za-z0-9_]", "_", reason)


def _lost_or_reported(pod: Mapping[str, Any], heard: Heard, now: datetime) -> dict[str, Any]:
    """A lost run's report is ignored: its successor runs already, and both may write."""
    if is_lost(pod, now):
        end = end_of(pod, now)
        return {"reason": _word(end.reason), "message": end.message, "disrupted": True}
    return {"report": heard.report, "reported": heard.reported}


def cleaner_of(pod: Mapping[str, Any]) -> CleanerRun:
    """Read the run that removes old models from its pod."""
    metadata, status = pod.get("metadata") or {}, pod.get("status") or {}
    ended = status.get("phase") in {"Succeeded", "Failed"}
    succeeded = status.get("phase") == "Succeeded"
    last = last_finished(pod) or time_of(status.get("startTime"))
    return CleanerRun(
        name=metadata.get("name", ""),
        directories=_directories(metadata.get("annotations") or {}),
        alive=not ended,
        succeeded=succeeded,
        message="" if succeeded or not ended else _cleaner_message(status),
        ended=last if ended else None,
    )


def _directories(annotations: Mapping[str, str]) -> tuple[str, ...]:
    try:
        return tuple(map(str, json.loads(annotations.get(DIRECTORIES) or "[]")))
    except (ValueError, TypeError):
        # Somebody edited the annotation: then nothing is known to be removed.
        return ()


def _cleaner_message(status: Mapping[str, Any]) -> str:
    containers = status.get("containerStatuses") or []
    said = (message_of(state(each, "terminated")) for each in containers)
    return next((text for text in said if text), message_of(status))
