"""Parts of a pod's JSON, read with care: any of them may be missing.

Owns: where things stand in a pod. It judges nothing.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from autosearch.kubernetes.pod.settings import CONTAINER_ANNOTATION, SIDECAR

Json = Mapping[str, Any]

_NOTHING: Json = {}


def trial_status(pod: Json) -> Json:
    """Give the status of the trial's container; empty until the kubelet has seen the pod."""
    wanted = _trial_name(pod)
    return next((each for each in _statuses(pod, "containerStatuses") if each.get("name") == wanted), _NOTHING)


def _trial_name(pod: Json) -> str:
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    containers = (pod.get("spec") or {}).get("containers") or []
    names = [container.get("name", "") for container in containers]
    first = names[0] if names else ""
    return str(annotations.get(CONTAINER_ANNOTATION) or ("trial" if "trial" in names else first))


def sidecar_status(pod: Json) -> Json:
    """Give the status of the sidecar's container."""
    return next((each for each in _statuses(pod, "initContainerStatuses") if each.get("name") == SIDECAR), _NOTHING)


def all_statuses(pod: Json) -> Iterator[Json]:
    """Give the statuses of all containers in the order in which they start."""
    yield from _statuses(pod, "initContainerStatuses")
    yield from _statuses(pod, "containerStatuses")


def init_statuses(pod: Json) -> list[Json]:
    """Give the statuses of the init containers, ours included."""
    return _statuses(pod, "initContainerStatuses")


def _statuses(pod: Json, kind: str) -> list[Json]:
    return list((pod.get("status") or {}).get(kind) or [])


def state(status: Json, kind: str, *, last: bool = False) -> Json:
    """Give one of `waiting`, `running`, `terminated` of a container's state; empty if it is not in it."""
    return (status.get("lastState" if last else "state") or {}).get(kind) or _NOTHING


def condition(pod: Json, kind: str) -> Json:
    """Give a condition of the pod; empty if it has none of that type."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each.get("type") == kind), _NOTHING)


def is_true(found: Json) -> bool:
    """Say whether a condition is there and True."""
    return found.get("status") == "True"


def time_of(text: object) -> datetime | None:
    """Read a time; None for none, and for the zero time that stands for none."""
    if not isinstance(text, str) or not text:
        return None
    read = datetime.fromisoformat(text)
    return None if read.year <= 1970 else read.astimezone(UTC)  # noqa: PLR2004 - Go's and Unix' zero


def deletion_time(pod: Json) -> datetime | None:
    """Give when the grace of a pod that is being deleted is over; None for one that is not being deleted."""
    return time_of((pod.get("metadata") or {}).get("deletionTimestamp"))


def message_of(found: Json) -> str:
    """Give the message of a condition, a container's state or a status."""
    return str(found.get("message") or "").strip()
