"""The short-lived pod through which files go to a volume and come from it.

Owns: that pod, from its making to its removal, and what is said while it does not start. It has the user's own rights
and no token, does nothing by itself, and ends a minute after nothing runs in it any more, even if nobody removes it.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from autosearch.api.errors import AutoSearchError
from autosearch.kubernetes.access import Cluster, is_missing
from autosearch.kubernetes.client import ApiError, Json
from autosearch.kubernetes.pod_events import hint_of
from autosearch.kubernetes.pod_parts import condition
from autosearch.kubernetes.pod_waits import Wait, wait_of
from autosearch.kubernetes.resources import EVENTS, PODS

CONTAINER = "transfer"
MOUNT = "/transfer"
LABEL = "autosearch.dev/transfer"
_LONGEST = 24 * 3600
_LOOK_EVERY = 0.5
_TO_REMOVE = 15.0
_HOPELESS = frozenset({"InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError"})
_BAD_IMAGE = "ImagePullBackOff"
_PATIENCE = 20.0
"""Seconds for an image that cannot be pulled: registries have bad moments."""
# Whoever's connection has broken runs nothing here any more: no other process is left beside this one.
_IDLE = """\
trap 'exit 0' TERM
n=0
while [ "$n" -lt 12 ]; do
    sleep 5
    set -- /proc/[0-9]*
    if [ "$#" -gt 1 ]; then n=0; else n=$((n + 1)); fi
done
"""


class TransferError(AutoSearchError):
    """Files cannot be brought to a volume or fetched from it; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Mounted:
    """What the pod is made of.

    Attributes:
        volume: a Kubernetes volume source.
        inner: folder in the volume; "" for all of it.
        read_only: whether nothing may be written.
        image: has `sh`, `tar` and `sha256sum`.
        pod: fields of the pod's spec, as a job's template has them: security context, node selector, tolerations, ...
        security: the container's user and groups, where they differ from the pod's.
    """

    volume: Json
    inner: str
    read_only: bool
    image: str
    pod: Json = field(default_factory=dict)
    security: Json = field(default_factory=dict)


def transfer_pod(name: str, given: Mounted) -> Json:
    """Build the pod."""
    mount: Json = {"name": "data", "mountPath": MOUNT}
    mount |= {"subPath": given.inner} if given.inner else {}
    mount |= {"readOnly": True} if given.read_only else {}
    container = {
        "name": CONTAINER,
        "image": given.image,
        "command": ["sh", "-c", _IDLE],
        # The image's own folder may be forbidden to the user, and its files are none of ours.
        "workingDir": "/",
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": _security(given),
        "volumeMounts": [mount],
    }
    spec = {
        **given.pod,
        "restartPolicy": "Never",
        "activeDeadlineSeconds": _LONGEST,
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "containers": [container],
        "volumes": [{"name": "data", **given.volume}],
    }
    return {
        "apiVersion": PODS.api_version,
        "kind": PODS.kind,
        "metadata": {"name": name, "labels": {LABEL: "true"}},
        "spec": spec,
    }


def _security(given: Mounted) -> Json:
    return {
        **given.security,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], **_added(given)},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _added(given: Mounted) -> Json:
    """Let root, where it is asked for, into folders of other users: without these it may not even do what they may."""
    pod: dict[str, Any] = given.pod.get("securityContext") or {}
    return {"add": ["DAC_OVERRIDE"]} if given.security.get("runAsUser", pod.get("runAsUser")) == 0 else {}


@asynccontextmanager
async def running_pod(
    cluster: Cluster, given: Mounted, *, longest_wait: float, note: Callable[[str], None]
) -> AsyncIterator[str]:
    """Have the pod run and give its name; it is removed at the end, whatever happens.

    Args:
        longest_wait: seconds for it to start.
        note: told why it waits, and what is left behind if it cannot be removed.

    Raises:
        ApiError: the API server refuses it.
        TransferError: it does not start.
    """
    name = f"autosearch-transfer-{secrets.token_hex(4)}"
    made = asyncio.ensure_future(cluster.create(PODS, transfer_pod(name, given)))
    try:
        # An interruption must not lose a pod that the API server is just making.
        await asyncio.shield(made)
        await _started(cluster, name, longest_wait=longest_wait, note=note)
        yield name
    finally:
        await _removed(cluster, name, made, note)


async def _removed(cluster: Cluster, name: str, made: "asyncio.Future[Json]", note: Callable[[str], None]) -> None:
    try:
        async with asyncio.timeout(_TO_REMOVE):
            pod = await made
            await cluster.delete(PODS, name, uid=pod["metadata"]["uid"])
    except (ApiError, TimeoutError) as error:
        if made.done() and made.exception() is not None:
            return
        if not (isinstance(error, ApiError) and is_missing(error, name)):
            note(
                f"pod {name} could not be removed ({error}); it ends by itself within a minute or so; "
                f"`kubectl delete pod {name} -n {cluster.namespace}` removes it"
            )


async def _started(cluster: Cluster, name: str, *, longest_wait: float, note: Callable[[str], None]) -> None:
    began, told, since = monotonic(), Wait(), monotonic()
    while True:
        pod = await cluster.get(PODS, name)
        if _runs(pod):
            return
        wait = wait_of(pod, await _hint(cluster, pod) if monotonic() - began > _PATIENCE / 4 else "")
        if wait.reason != told.reason:
            told, since = wait, monotonic()
            if wait.reason:
                note(f"the pod waits: {wait.reason}: {wait.message}")
        hopeless = wait.reason in _HOPELESS or (wait.reason == _BAD_IMAGE and monotonic() - since > _PATIENCE)
        if hopeless or monotonic() - began > longest_wait:
            raise TransferError(_why(wait, longest_wait))
        await asyncio.sleep(_LOOK_EVERY)


def _runs(pod: Json) -> bool:
    """Say whether the container runs; raises `TransferError` if it never will."""
    status = pod.get("status", {})
    if status.get("phase") in {"Failed", "Succeeded"} or pod["metadata"].get("deletionTimestamp"):
        states = [each.get("state", {}).get("terminated") or {} for each in status.get("containerStatuses") or []]
        words = [str(state.get("message") or state.get("reason") or "") for state in states]
        said = status.get("message") or ", ".join(filter(None, words)) or "it gave no reason"
        advice = "; name an image that has sh, tar and sha256sum with --image" if "executable file" in said else ""
        raise TransferError(f"the pod that moves the files ended before it could be used: {said}{advice}")
    return condition(pod, "Ready").get("status") == "True"


async def _hint(cluster: Cluster, pod: Json) -> str:
    """Ask the events, which alone tell of a mount that fails; users who may not read them go without."""
    try:
        events, _ = await cluster.list(EVENTS, field_selector=f"involvedObject.uid={pod['metadata']['uid']}")
    except ApiError:
        return ""
    return hint_of(events)


def _why(wait: Wait, longest_wait: float) -> str:
    if not wait.reason:
        return f"the pod that moves the files did not start within {longest_wait:g} s, and nothing says why"
    advice = {
        _BAD_IMAGE: "; name one that this cluster can pull with --image",
        "InvalidImageName": "; name another with --image",
        "ErrImageNeverPull": "; name another with --image",
        "CreateContainerConfigError": "; name a user that the image and the cluster's policy allow with --run-as",
    }.get(wait.reason, "; --wait gives it longer")
    return f"the pod that moves the files does not start: {wait.reason}: {wait.message}{advice}"
