"""What only a pod's events tell: volumes that do not come, sandboxes that cannot be made.

Owns: which event speaks for a waiting pod, and its wording as `Word: sentence`.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from autosearch.kubernetes.pod_parts import Json, message_of, time_of

# Once one of these was seen, the volumes are mounted and the sandbox is there: earlier warnings are history.
_GOT_THROUGH = frozenset({"Pulling", "Pulled", "Created", "Started"})
_FIRST_OF_TIME = datetime(1971, 1, 1, tzinfo=UTC)
# The first that fits is the cause; a later "timed out waiting" only repeats that there is one.
_CAUSES: tuple[tuple[str, str, str], ...] = (
    (r'configmap "?([^"\s]+?)"? not found', "ConfigMapNotFound", "the ConfigMap `{0}` does not exist: create it"),
    (r'secret "?([^"\s]+?)"? not found', "SecretNotFound", "the Secret `{0}` does not exist: create it"),
    (
        r"references non-existent (?:config|secret) key: (\S+)",
        "KeyNotFound",
        "a ConfigMap or Secret that is mounted has no key `{0}`: add it, or correct `items`",
    ),
    (
        r"(Multi-Attach error .*)",
        "VolumeInUse",
        "its volume is held by another node: use a ReadWriteMany claim, or run one trial at a time ({0})",
    ),
    (r'persistentvolumeclaim "?([^"\s]+?)"? not found', "ClaimNotFound", "the claim `{0}` does not exist: create it"),
)
_WORDS = {
    "FailedMount": "a volume cannot be mounted",
    "FailedAttachVolume": "a volume cannot be attached to the node",
    "FailedMapVolume": "a block volume cannot be mapped",
    "FailedCreatePodSandBox": "the node cannot set the pod up",
    "FailedCreatePodContainer": "the node cannot set the pod up",
    "NetworkNotReady": "the node's network is not ready",
}
_VAGUE = re.compile(r"timed out waiting|context deadline exceeded", re.IGNORECASE)


def hint_of(events: Iterable[Mapping[str, Any]]) -> str:
    """Say why a pod waits, by its events.

    Args:
        events: core/v1 Events of this very pod, in any order.

    Returns:
        `Word: sentence`; "" if nothing holds it up, or only what its own status says as well.
    """
    ordered = sorted(events, key=_time)
    through = max((index for index, each in enumerate(ordered) if each.get("reason") in _GOT_THROUGH), default=-1)
    warnings = [each for each in ordered[through + 1 :] if _counts(each)]
    if not warnings:
        return ""
    causes = [cause for each in reversed(warnings) if (cause := _cause(message_of(each)))]
    if causes:
        return causes[0]
    clear = [each for each in warnings if not _VAGUE.search(message_of(each))] or warnings
    reason = str(clear[-1]["reason"])
    return f"{reason}: {_WORDS[reason]}: {message_of(clear[-1])}"


def _counts(event: Json) -> bool:
    return event.get("type") == "Warning" and event.get("reason") in _WORDS


def _cause(message: str) -> str:
    for pattern, word, text in _CAUSES:
        if found := re.search(pattern, message, re.IGNORECASE):
            return f"{word}: {text.format(found[1].rsplit('/', 1)[-1] if word != 'VolumeInUse' else found[1])}"
    return ""


def _time(event: Json) -> datetime:
    series = event.get("series") or {}
    metadata = event.get("metadata") or {}
    written = (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event.get("firstTimestamp"),
        metadata.get("creationTimestamp"),
    )
    return next((found for text in written if (found := time_of(text))), _FIRST_OF_TIME)
