"""Why a pod has not started yet, in words for people.

Owns: the reason of every wait that a pod's own status shows. A pod that is merely being started has none, so that a
condition does not flap.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from autosearch.kubernetes.pod.settings import SIDECAR
from autosearch.kubernetes.pod_parts import Json, all_statuses, condition, message_of, state
from autosearch.kubernetes.pod_verdict import words_of

_KUEUE_GATE = "kueue.x-k8s.io/"
_QUEUE = "kueue.x-k8s.io/queue-name"
_ON_ITS_WAY = frozenset({"", "ContainerCreating", "PodInitializing"})
_CRASHING = frozenset({"CrashLoopBackOff", "PostStartHookError", "RunContainerError"})
_DETAIL = re.compile(r"(?:ErrImagePull|ImageInspectError|SignatureValidationFailed): (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a pod waits; both empty if it does not, or nothing says why.

    Attributes:
        reason: one word for programs.
        message: a sentence for people.
    """

    reason: str = ""
    message: str = ""


def wait_of(pod: Json, hint: str) -> Wait:
    """Say why a pod that has not started waits.

    Args:
        hint: `Word: sentence`, from the pod's events; "" for none. The pod's own status goes before it.
    """
    own = _gated(pod) or _unscheduled(pod) or next(_containers(pod), None)
    if own is not None:
        return own
    reason, _, message = hint.partition(": ")
    return Wait(reason, message)


def _gated(pod: Json) -> Wait | None:
    spec = pod.get("spec") or {}
    gates = [str(gate.get("name", "")) for gate in spec.get("schedulingGates") or []]
    if not gates:
        return None
    if any(gate.startswith(_KUEUE_GATE) for gate in gates):
        queue = ((pod.get("metadata") or {}).get("labels") or {}).get(_QUEUE)
        return Wait("Queued", f"waits for Kueue to admit it{f' to the queue {queue}' if queue else ''}")
    named = ", ".join(f"`{gate}`" for gate in gates)
    return Wait("SchedulingGated", f"held back by the scheduling gate {named}, which whoever set it has to remove")


def _unscheduled(pod: Json) -> Wait | None:
    found = condition(pod, "PodScheduled")
    if found.get("status") != "False":
        return None
    message = message_of(found)
    lower = message.lower()
    if "unbound immediate persistentvolumeclaims" in lower:
        return Wait("ClaimNotBound", f"a PersistentVolumeClaim is not bound to a volume yet: {message}")
    if "persistentvolumeclaim" in lower and "not found" in lower:
        return Wait("ClaimNotFound", f"a PersistentVolumeClaim does not exist: {message}")
    # What the scheduler adds about preemption says nothing that helps its reader.
    return Wait(
        str(found.get("reason") or "Unschedulable"), message.split(" preemption:")[0] or "no node takes the pod"
    )


def _containers(pod: Json) -> Iterator[Wait]:
    """Give why containers wait, in the order in which they start: the first one holds all others up."""
    for status in all_statuses(pod):
        waiting = state(status, "waiting")
        reason = str(waiting.get("reason") or "")
        if reason not in _ON_ITS_WAY:
            yield _container(status, reason, message_of(waiting))


def _container(status: Json, reason: str, message: str) -> Wait:
    name, image = status.get("name"), status.get("image")
    if reason in {"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"}:
        # The kubelet says one and the other by turns; one word, and the cause alone, keep a condition still.
        return Wait("ImagePullBackOff", f"the image `{image}` of container `{name}` cannot be pulled{_detail(message)}")
    if reason == "ErrImageNeverPull":
        text = f"the image `{image}` of container `{name}` is not on the node, and imagePullPolicy is Never"
        return Wait(reason, text)
    if reason == "InvalidImageName":
        return Wait(reason, f"`{image}` of container `{name}` is no image name{_after(message)}")
    if reason in _CRASHING and name == SIDECAR:
        last = words_of(message_of(state(status, "terminated", last=True)))
        return Wait("SidecarFailing", f"the sidecar cannot start{_after(last or message)}")
    if reason == "CreateContainerConfigError":
        return Wait(reason, f"container `{name}` cannot be configured{_after(message)}{_missing(message)}")
    return Wait(reason, f"container `{name}`{_after(message)}" if message else f"container `{name}` waits")


def _detail(message: str) -> str:
    found = _DETAIL.search(message)
    if found:
        return _after(found[1])
    return "" if message.startswith("Back-off") else _after(message)


def _after(text: str) -> str:
    return f": {text}" if text else ""


def _missing(message: str) -> str:
    """Say what to do about a ConfigMap or Secret that is missing, or lacks a key."""
    if re.search(r"couldn't find key|non-existent config key", message):
        return "; add that key, or correct its name in the template"
    if re.search(r"\b(?:configmap|secret)\b.*not found", message, re.IGNORECASE):
        return "; create it in the job's namespace, or correct its name in the template"
    return ""
