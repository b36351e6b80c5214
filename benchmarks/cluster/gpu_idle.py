"""How long a GPU is idle between two trials on a real node, beside bare pods that a script creates.

    KUBECONFIG=... python benchmarks/cluster/gpu_idle.py        # `make bench-cluster` makes a node for it

AutoSearch runs on the cluster. A node is given GPUs that are none, as an extended resource of this benchmark's own.
First one GPU and 20 trials of 5 s: idle is the time from the end of one trial's work to the start of the next one's, by
the scripts' own clocks; a report comes after the work, so it counts as idle. Then four GPUs and 40 trials of 10 s: how
much of the four is busy from the first start to the last end. After each search this program runs as many bare pods,
each the search's own pod without the sidecar, and creates one whenever one is seen to have ended. All pods sleep, so
that only Kubernetes and AutoSearch work. Exits with 1 if a figure misses its bar.

STORAGE_CLASS provisions the claim of the outputs; otherwise it is a folder of the node. TRIAL_IMAGE is any image with
Python.
"""

import asyncio
import copy
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise

from autosearch.kubernetes.access import Where, find_credentials
from autosearch.kubernetes.client import ApiError, Client
from autosearch.kubernetes.resources import CLAIMS, JOB_LABEL, JOBS, PODS, Resource

NAMESPACES = Resource("Namespace", "namespaces", namespaced=False)
NODES = Resource("Node", "nodes", namespaced=False)
VOLUMES = Resource("PersistentVolume", "persistentvolumes", namespaced=False)
SPACE, GPU = "autosearch-bench", "bench.autosearch.dev/gpu"
IDLE_BAR, BUSY_BAR, BUSY_DIFFERENCE_BAR = 1.2, 0.70, 0.10
SCRIPT = """\
import os, time
start = time.time()
time.sleep(SECONDS)
end = time.time()
try:
    from rudder_autosearch.sdk.amaas_tools import AMaasTools
except ImportError:
    pass  # a bare pod
else:
    tools = AMaasTools(os.environ["AUTOSEARCH_JOB_ID"], os.environ["AUTOSEARCH_TRIAL_ID"])
    print(tools.report_final_result({"acc": 0.5}, "", ""))
with open("/dev/termination-log", "w") as file:
    file.write(f"{start} {end} {time.time()}")
"""


@dataclass
class Pod:
    """What was seen of a pod, in seconds on this machine's clock; the work is on the node's, which may be this one.

    Attributes:
        created: when this program heard of it.
        bound: the scheduler has chosen its node.
        main_over: its main container has ended.
        over: it has ended.
        work: when its script began to work and stopped.
        reported: when its report was accepted; of a bare pod, the end of its work.
        body: the object as it was created.
    """

    created: float
    body: dict
    bound: float = 0.0
    main_over: float = 0.0
    over: float = 0.0
    work: tuple[float, float] = (0.0, 0.0)
    reported: float = 0.0

    def see(self, body: dict, now: float) -> bool:
        """Take up a change; says whether the pod has just ended."""
        status = body.get("status", {})
        self.bound = self.bound or (now if body["spec"].get("nodeName") else 0.0)
        ended = [each["state"]["terminated"] for each in status.get("containerStatuses", ()) if _ended(each)]
        self.main_over = self.main_over or (now if ended else 0.0)
        if self.over or status.get("phase") not in ("Succeeded", "Failed"):
            return False
        if status["phase"] == "Failed" or not ended:
            raise SystemExit(f"error: pod {body['metadata']['name']} has failed: {status}")
        begun, done, reported = map(float, ended[0]["message"].split())
        self.over, self.work, self.reported = now, (begun, done), reported
        return True


def _ended(status: dict) -> bool:
    return "terminated" in status.get("state", {})


class Watched:
    """The pods with one label, from one moment on."""

    def __init__(self, client: Client, selector: str) -> None:
        self.pods: dict[str, Pod] = {}
        self.ended: asyncio.Queue[str] = asyncio.Queue()
        self._client, self._selector = client, selector

    async def follow(self) -> None:
        """Follow them until cancelled."""
        _, version = await self._client.list(PODS, SPACE)
        while True:
            changes = self._client.watch(PODS, SPACE, resource_version=version, label_selector=self._selector)
            async for kind, body in changes:
                version = body["metadata"]["resourceVersion"]
                if kind not in ("ADDED", "MODIFIED"):
                    continue
                now, name = time.time(), body["metadata"]["name"]
                if self.pods.setdefault(name, Pod(now, body)).see(body, now):
                    self.ended.put_nowait(name)


@asynccontextmanager
async def watching(client: Client, selector: str) -> AsyncIterator[Watched]:
    """Follow the pods meanwhile; an error in it ends this program."""
    watched = Watched(client, selector)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(watched.follow())
        await asyncio.sleep(0.5)
        yield watched
        task.cancel()


def a_job(name: str, gpus: int, trials: int, seconds: float) -> dict:
    """Give a search whose trials sleep."""
    container = {
        "name": "trial",
        "image": os.environ.get("TRIAL_IMAGE", "python:3.12-slim"),
        "command": ["python3", "-c", SCRIPT.replace("SECONDS", str(seconds))],
        "resources": {"limits": {GPU: 1}},
    }
    spec = {
        "objective": {"metric": "acc", "direction": "Maximize"},
        "parameters": [{"name": "x", "float": {"min": 0, "max": 1}}],
        "algorithm": {"random": {}},
        "maxTrials": trials,
        "parallelTrials": gpus,
        "output": {"volume": {"persistentVolumeClaim": {"claimName": "results"}}},
        "template": {"spec": {"containers": [container]}},
    }
    meta = {"name": name, "namespace": SPACE}
    return {"apiVersion": JOBS.api_version, "kind": JOBS.kind, "metadata": meta, "spec": spec}


def bare(pod: dict, name: str, label: str) -> dict:
    """Give the same pod without the sidecar and what only that one mounts."""
    spec = copy.deepcopy(pod["spec"])
    for field in ("nodeName", "initContainers"):
        spec.pop(field, None)
    mounted = {mount["name"] for each in spec["containers"] for mount in each["volumeMounts"]}
    spec["volumes"] = [volume for volume in spec["volumes"] if volume["name"] in mounted]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"bare": label}}, "spec": spec}


async def run_search(client: Client, gpus: int, trials: int, seconds: float) -> list[Pod]:
    """Let the operator run the trials; gives its pods."""
    name = f"bench-{gpus}"
    async with watching(client, f"{JOB_LABEL}={name}") as watched:
        await client.create(JOBS, a_job(name, gpus, trials, seconds), SPACE)
        for _ in range(trials):
            await watched.ended.get()
    return list(watched.pods.values())


async def run_bare(client: Client, like: dict, gpus: int, trials: int) -> list[Pod]:
    """Create a pod whenever one has ended; gives them."""
    names = [f"bare-{gpus}-{number}" for number in range(trials)]
    async with watching(client, f"bare={gpus}") as watched:
        for number, name in enumerate(names):
            if number >= gpus:
                await watched.ended.get()
            await client.create(PODS, bare(like, name, str(gpus)), SPACE)
        for _ in range(gpus):
            await watched.ended.get()
    return [watched.pods[name] for name in names]


async def offer_gpus(client: Client, count: int | None) -> None:
    """Let the first node have so many GPUs; None: the resource goes."""
    nodes, _ = await client.list(NODES)
    quantity = None if count is None else str(count)
    body = {"status": {"capacity": {GPU: quantity}, "allocatable": {GPU: quantity}}}
    await client.patch(NODES, nodes[0]["metadata"]["name"], body, subresource="status")


async def make_claim(client: Client) -> None:
    """Make the claim `results`."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    if storage_class := os.environ.get("STORAGE_CLASS"):
        spec["storageClassName"] = storage_class
    else:
        spec |= {"storageClassName": "", "volumeName": SPACE}
        folder = {"path": f"/var/tmp/{SPACE}", "type": "DirectoryOrCreate"}  # noqa: S108 - of the node
        held = {"accessModes": spec["accessModes"], "capacity": {"storage": "1Gi"}, "hostPath": folder}
        await client.create(VOLUMES, {"metadata": {"name": SPACE}, "spec": {**held, "storageClassName": ""}})
    await client.create(CLAIMS, {"metadata": {"name": "results"}, "spec": spec}, SPACE)


async def clean(client: Client) -> None:
    """Remove all that is here, and wait until it has gone."""
    for resource in (NAMESPACES, VOLUMES):
        with suppress(ApiError):
            while True:
                await client.delete(resource, SPACE)
                await asyncio.sleep(0.5)
    await offer_gpus(client, None)


def gaps(pods: list[Pod]) -> list[float]:
    """Give the seconds between the end of each pod's work and the start of the next one's: of one GPU."""
    works = sorted(pod.work for pod in pods)
    return [later[0] - earlier[1] for earlier, later in pairwise(works)]


def busy(pods: list[Pod], gpus: int) -> float:
    """Give the share of the GPUs' time that was work."""
    works = [pod.work for pod in pods]
    whole = max(end for _, end in works) - min(start for start, _ in works)
    return sum(end - start for start, end in works) / whole / gpus


def parts(pods: list[Pod]) -> dict[str, float]:
    """Give the medians of what one GPU's idle time is made of."""
    pods = sorted(pods, key=lambda pod: pod.work)
    middle = statistics.median
    return {
        "work over, report accepted": middle(pod.reported - pod.work[1] for pod in pods),
        "then, main container seen ended": middle(pod.main_over - pod.reported for pod in pods),
        "then, pod seen ended": middle(pod.over - pod.main_over for pod in pods),
        "then, next pod seen": middle(b.created - a.over for a, b in pairwise(pods)),
        "then, bound to the node": middle(pod.bound - pod.created for pod in pods),
        "then, work begins": middle(pod.work[0] - pod.bound for pod in pods),
    }


def show(name: str, search: float, script: float, bar: str = "", unit: str = "s") -> None:
    """Print a row."""
    print(f"{name:<46}{search:>10.2f}{script:>10.2f}{search - script:>+12.2f} {unit:<4}{bar}", flush=True)


def judge_idle(search: list[Pod], script: list[Pod]) -> bool:
    """Print the figures of one GPU; says whether they meet the bar."""
    found, beside = gaps(search), gaps(script)
    print(f"\n1 GPU, {len(search)} trials:{'':<29}{'search':>10}{'bare pods':>10}{'difference':>12}")
    show("idle between trials, median", statistics.median(found), statistics.median(beside), f"<= +{IDLE_BAR}")
    show("idle between trials, p90", *(statistics.quantiles(each, n=10)[-1] for each in (found, beside)))
    show("shortest", min(found), min(beside))
    show("longest", max(found), max(beside))
    ours, theirs = parts(search), parts(script)
    for name, value in ours.items():
        show(f"  {name}", value, theirs[name])
    return statistics.median(found) <= statistics.median(beside) + IDLE_BAR


def judge_busy(search: list[Pod], script: list[Pod], gpus: int) -> bool:
    """Print the figures of several GPUs; says whether they meet the bar."""
    found, beside = busy(search, gpus), busy(script, gpus)
    print(f"\n{gpus} GPUs, {len(search)} trials:{'':<28}{'search':>10}{'bare pods':>10}{'difference':>12}")
    show("busy share", found, beside, f">= {BUSY_BAR}, >= -{BUSY_DIFFERENCE_BAR}", unit="")
    return found >= max(BUSY_BAR, beside - BUSY_DIFFERENCE_BAR)


async def measure(client: Client, gpus: int, trials: int, seconds: float) -> tuple[list[Pod], list[Pod]]:
    """Run the search, then the bare pods."""
    await offer_gpus(client, gpus)
    search = await run_search(client, gpus, trials, seconds)
    return search, await run_bare(client, search[0].body, gpus, trials)


async def main() -> int:
    """Print all figures."""
    async with Client(find_credentials(Where())) as client:
        await clean(client)
        await client.create(NAMESPACES, {"metadata": {"name": SPACE}})
        try:
            await make_claim(client)
            print(f"load of the machine: {os.getloadavg()[0]:.1f}", flush=True)
            met = [judge_idle(*await measure(client, 1, 20, 5.0))]
            met.append(judge_busy(*await measure(client, 4, 40, 10.0), 4))
            print(f"load of the machine: {os.getloadavg()[0]:.1f}")
        finally:
            await clean(client)
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
