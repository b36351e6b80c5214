"""A stand-in for the kubelet, for what kwok's stages cannot do: pods that do things at moments a test chooses.

Owns: the status of pods that have the annotation `test.autosearch.dev/player`, which kwok leaves alone. The scheduler,
the API server and everything else are real. Also what a queueing system such as Kueue does to pods: gate, mark, delete.
"""

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from autosearch.kubernetes.client import ApiError, Client
from autosearch.kubernetes.resources import PODS
from autosearch.reporting.messages import FinalReport
from autosearch.sidecar.settings import Verdict

Json = dict[str, Any]
ANNOTATION = "test.autosearch.dev/player"
SIDECAR = "autosearch-sidecar"

Script = Callable[["Player", Json], Awaitable[None]]
"""What a pod does from being scheduled on; cancelled when the pod is deleted."""


class Player:
    """Plays the pods of one namespace by patches of their status."""

    def __init__(self, client: Client, namespace: str, *, stop_seconds: float = 0) -> None:
        """Args: stop_seconds: how long a deleted pod takes to end."""
        self.client = client
        self.namespace = namespace
        self._stop_seconds = stop_seconds
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopping: set[str] = set()

    async def run(self, script: Script) -> None:
        """Play each scheduled pod by the script, end the deleted ones, until cancelled; raises what a script does."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    # A watch that ends or breaks is begun anew, also after a restart of the API server.
                    with suppress(ApiError):
                        pods, version = await self.client.list(PODS, self.namespace)
                        for pod in pods:
                            self._seen(group, script, pod)
                        async for kind, pod in self.client.watch(PODS, self.namespace, resource_version=version):
                            if kind in {"ADDED", "MODIFIED"}:
                                self._seen(group, script, pod)
                    await asyncio.sleep(0.1)
        finally:
            self._tasks.clear()
            self._stopping.clear()

    def _seen(self, group: asyncio.TaskGroup, script: Script, pod: Json) -> None:
        meta = pod["metadata"]
        if ANNOTATION not in meta.get("annotations", {}) or not pod["spec"].get("nodeName"):
            return
        uid = meta["uid"]
        if "deletionTimestamp" in meta:
            if uid not in self._stopping:
                self._stopping.add(uid)
                if uid in self._tasks:
                    self._tasks[uid].cancel()
                group.create_task(self._stop(meta["name"]))
        elif uid not in self._tasks:
            self._tasks[uid] = group.create_task(script(self, pod))

    async def _stop(self, name: str) -> None:
        await asyncio.sleep(self._stop_seconds)
        with suppress(ApiError):
            pod = await self.client.get(PODS, name, self.namespace)
            if pod["status"]["phase"] == "Running":
                await self.end(pod, exit_code=143)
            await self.client.delete(PODS, name, self.namespace, uid=pod["metadata"]["uid"], grace_seconds=0)

    async def start(self, pod: Json) -> Json:
        """Make a pod Running: plain init containers done, sidecar and containers running."""
        now = _now()
        running = {"running": {"startedAt": now}}
        done = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}}
        spec = pod["spec"]
        status: Json = {
            "phase": "Running",
            "startTime": now,
            "containerStatuses": [_container(each, running, ready=True) for each in spec["containers"]],
            "initContainerStatuses": [
                _container(each, running if _is_sidecar(each) else done, ready=True)
                for each in spec.get("initContainers", ())
            ],
        }
        return await self.patch(pod, status, Initialized="True", ContainersReady="True", Ready="True")

    async def end(
        self,
        pod: Json,
        *,
        verdict: Verdict | str = "{}",
        exit_code: int = 0,
        reason: str = "",
        message: str = "",
        pod_reason: str = "",
    ) -> Json:
        """End a started pod.

        Args:
            verdict: the sidecar's termination message.
            exit_code: the trial container's.
            reason: the trial container's; "" for Completed or Error.
            message: the trial container's termination message.
            pod_reason: the pod's own, such as `Evicted`.
        """
        said = verdict if isinstance(verdict, str) else verdict.to_json()
        times = {"startedAt": pod["status"].get("startTime", _now()), "finishedAt": _now()}
        word = reason or ("Completed" if exit_code == 0 else "Error")
        trial = {"terminated": {"exitCode": exit_code, "reason": word, "message": message, **times}}
        quiet = {"terminated": {"exitCode": 0, "reason": "Completed", **times}}
        sidecar = {"terminated": {**quiet["terminated"], "message": said}}
        spec = pod["spec"]
        status: Json = {
            "phase": "Succeeded" if exit_code == 0 and not pod_reason else "Failed",
            "reason": pod_reason or None,
            "containerStatuses": [_container(each, trial, ready=False) for each in spec["containers"]],
            "initContainerStatuses": [
                _container(each, sidecar if each["name"] == SIDECAR else quiet, ready=False)
                for each in spec.get("initContainers", ())
            ],
        }
        return await self.patch(pod, status, ContainersReady="False", Ready="False")

    async def patch(self, pod: Json, status: Json, **conditions: str) -> Json:
        """Patch a pod's status; the conditions are set beside those it has."""
        name = pod["metadata"]["name"]
        known = (await self.client.get(PODS, name, self.namespace))["status"].get("conditions", [])
        kept = [each for each in known if each["type"] not in conditions]
        new = [{"type": kind, "status": value, "lastTransitionTime": _now()} for kind, value in conditions.items()]
        body = {"status": {**status, "conditions": kept + new}}
        return await self.client.patch(PODS, name, body, self.namespace, subresource="status")

    async def ungate(self, name: str) -> Json:
        """Remove a pod's scheduling gates, as a queueing system does when it admits the pod."""
        return await self.client.patch(PODS, name, {"spec": {"schedulingGates": None}}, self.namespace)

    async def take_back(self, name: str) -> None:
        """Mark a pod with `TerminationTarget` and delete it, as Kueue does when it preempts."""
        pod = await self.client.get(PODS, name, self.namespace)
        await self.patch(pod, {}, TerminationTarget="True")
        await self.client.delete(PODS, name, self.namespace)


def verdict_of(pod: Json, value: float, metric: str = "acc") -> Verdict:
    """Give what a sidecar leaves behind when the script of this pod has reported a value."""
    env = {each["name"]: each.get("value", "") for box in pod["spec"]["containers"] for each in box.get("env", ())}
    folder = f"{env.get('AUTOSEARCH_JOB_ID', 'job')}/{env.get('AUTOSEARCH_TRIAL_ID', '0-0')}"
    report = FinalReport(value, {metric: value}, folder, f"{folder}/model.pkl")
    return Verdict(report=report.to_dict(), reported=time.time())


def _is_sidecar(container: Json) -> bool:
    return container.get("restartPolicy") == "Always"


def _container(container: Json, state: Json, *, ready: bool) -> Json:
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": ready,
        "started": "running" in state,
        "restartCount": 0,
        "state": state,
    }


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
