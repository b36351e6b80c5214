"""What the operator costs on a real API server, beside a bare client loop that does the same writes in the same run.

Run: ``python benchmarks/operator_cluster.py [TRIALS]`` (2,000 unless given; about five minutes). Random searches with
8 trials side by side on a control plane of its own; kwok plays the pods. With pods of about a second: from the moment a
finished pod is seen to the next one's being accepted (p50 <= 25 ms, p99 <= 150 ms). With pods that end at once: API
writes per trial without Lease and Events (<= 6, the same at 100 and 2,000 trials), CPU per trial, workers included
(<= 15 ms), trials a minute (no bar). Pods that end at once keep every core busy: their gaps say little.
Wall times depend on what else the machine does: read them beside the bare loop's. Exits with 1 if one is over its bar.
"""

import asyncio
import copy
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.control_plane import ControlPlane, find_binaries
from tests.cluster.jobs import Searches, a_job
from tests.cluster.operator_process import OperatorProcess

from autosearch.kubernetes.client import ApiError
from autosearch.kubernetes.resources import ATTEMPT_LABEL, JOBS, PODS, TRIALS

ROOT = Path(__file__).parents[1]
SLOTS, FEW, PACED, KEPT_PODS = 8, 100, 300, 20
BARS = {"p50 ms": 25.0, "p99 ms": 150.0, "writes": 6.0, "CPU ms": 15.0}
AT_ONCE = {"run-milliseconds": "0"}
_WRITES = ("create", "patch", "update", "delete")


@dataclass
class Seen:
    """When pods were first seen, and first seen ended, on one clock."""

    added: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)

    async def watch(self, client, namespace, on_end=None):
        """Follow the pods of a namespace until cancelled."""
        _, version = await client.list(PODS, namespace)
        while True:
            async for kind, pod in client.watch(PODS, namespace, resource_version=version):
                version = pod["metadata"]["resourceVersion"]
                if kind not in {"ADDED", "MODIFIED"}:
                    continue
                name = pod["metadata"]["name"]
                self.added.setdefault(name, time.perf_counter())
                if pod["status"].get("phase") in {"Succeeded", "Failed"} and name not in self.ended:
                    self.ended[name] = time.perf_counter()
                    if on_end is not None:
                        on_end(name)

    def figures(self):
        """Give the seconds from each end to the creation that it made room for, in order, and trials a minute."""
        added, ended = sorted(self.added.values()), sorted(self.ended.values())
        gaps = sorted(new - old for old, new in zip(ended, added[SLOTS:], strict=False))
        return {
            "trials/min": 60 * len(ended) / (ended[-1] - added[0]),
            "p50 ms": 1000 * statistics.median(gaps),
            "p99 ms": 1000 * gaps[int(len(gaps) * 0.99)],
        }


def cpu_seconds(root):
    """Give the CPU time of a process and its descendants, those that have ended and were waited for included."""
    parents, spent = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            parents[int(stat.parent.name)] = int(fields[1])
            spent[int(stat.parent.name)] = sum(map(int, fields[11:15]))
    family = {root}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(spent.get(pid, 0) for pid in family) / os.sysconf("SC_CLK_TCK")


async def while_watching(cluster, namespace, work):
    """Run blocking work beside a watch of the pods."""
    seen = Seen()
    async with cluster.client() as client:
        task = asyncio.create_task(seen.watch(client, namespace))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(work)
        task.cancel()
    return seen


def about_a_second():
    """Give each attempt a duration of its own, so that pods do not end in step."""
    rng = random.Random(1)
    return {f"run-milliseconds-0-{number}": str(rng.randint(500, 1500)) for number in range(PACED)}


def measure_operator(cluster, operator, trials, notes):
    """Run one search by the operator; gives its figures, its writes by kind, and one of each object."""
    searches = Searches(cluster, cluster.create_namespace())
    job = a_job("bench", notes, algorithm={"random": {}}, maxTrials=trials, parallelTrials=SLOTS)
    before = cpu_seconds(operator.part.pid)

    def search():
        searches.apply(job)
        searches.wait("bench", seconds=60 + trials)

    seen = asyncio.run(while_watching(cluster, searches.namespace, search))
    spent = cpu_seconds(operator.part.pid) - before
    time.sleep(1)  # the audit log is a moment behind
    writes = writes_of(cluster, operator, searches.namespace)
    figures = {**seen.figures(), "writes": sum(writes.values()) / trials, "CPU ms": 1000 * spent / trials}
    samples = (searches.get("bench"), searches.trials("bench")[-1], searches.pods("bench")[0])
    return figures, writes, samples


def writes_of(cluster, operator, namespace):
    """Count the operator's successful writes in a namespace by kind."""
    found = Counter()
    for event in cluster.audit(f"system:serviceaccount:{operator.namespace}:{operator.account}"):
        thing = event.get("objectRef", {})
        wanted = event["verb"] in _WRITES and thing.get("namespace") == namespace
        if wanted and thing["resource"] not in {"leases", "events"} and event["responseStatus"].get("code", 0) < 400:
            part = f"/{thing['subresource']}" if "subresource" in thing else ""
            found[f"{event['verb']} {thing['resource']}{part}"] += 1
    return found


class BareLoop:
    """Five writes for each trial and nothing else, with the bodies that the operator wrote.

    They are: the trial, its pod, its result, the job's status, the end of an old pod.
    """

    def __init__(self, cluster, namespace, samples):
        """Args: samples: a job, a trial and a pod as the operator left them."""
        self.cluster, self.namespace = cluster, namespace
        self.job, self.trial, self.pod = (fresh(each) for each in samples)
        self.status = {"job": samples[0]["status"], "trial": samples[1]["status"]}
        self.ends = {}
        self.seen = Seen()

    def measure(self, trials):
        """Run it; gives the same figures as the operator's."""
        before = time.process_time()
        asyncio.run(self._run(trials))
        spent = time.process_time() - before
        return {**self.seen.figures(), "writes": 5 - KEPT_PODS / trials, "CPU ms": 1000 * spent / trials}

    async def _run(self, trials):
        async with self.cluster.client() as client:
            await client.create(JOBS, named(self.job, "bare"), self.namespace)
            task = asyncio.create_task(self.seen.watch(client, self.namespace, lambda name: self.ends[name].set()))
            await asyncio.sleep(0.2)
            numbers = iter(range(trials))
            await asyncio.gather(*(self._slot(client, numbers) for _ in range(SLOTS)))
            task.cancel()

    async def _slot(self, client, numbers):
        for number in numbers:
            name = f"bare-{number}"
            self.ends[name] = asyncio.Event()
            await client.create(TRIALS, named(self.trial, name), self.namespace)
            await client.create(PODS, named(self.pod, name, f"0-{number}"), self.namespace)
            await self.ends[name].wait()
            await client.patch(TRIALS, name, {"status": self.status["trial"]}, self.namespace, subresource="status")
            # A patch that changes nothing would not be written.
            status = {"status": {**self.status["job"], "usage": {"trialSeconds": number + 1, "gpuSeconds": 0}}}
            await client.patch(JOBS, "bare", status, self.namespace, subresource="status")
            if number >= KEPT_PODS:
                with suppress(ApiError):
                    await client.delete(PODS, f"bare-{number - KEPT_PODS}", self.namespace, grace_seconds=0)


def fresh(thing):
    """Give an object as it was when it was created."""
    made = copy.deepcopy(thing)
    meta = made["metadata"]
    made["metadata"] = {key: meta[key] for key in ("labels", "annotations") if key in meta}
    made.pop("status", None)
    made.get("spec", {}).pop("nodeName", None)
    return made


def named(thing, name, attempt=""):
    """Give an object under another name, and with another attempt's label."""
    meta = {**thing["metadata"], "name": name}
    if attempt:
        meta["labels"] = {**meta["labels"], ATTEMPT_LABEL: attempt}
    return {**thing, "metadata": meta}


def shown(title, figures):
    """Print one row of the table."""
    cells = [f"{figures[key]:12.1f}" if key in figures else " " * 12 for key in ("trials/min", *BARS)]
    print(f"{title:<34}{''.join(cells)}")


def measure(folder, trials):
    """Give the figures of all runs by title, and the writes of the longest by kind."""
    cluster = ControlPlane(find_binaries(build=True), folder / "cluster")
    cluster.start()
    try:
        cluster.install_crds(ROOT / "crds")
        operator = OperatorProcess(cluster, folder)
        operator.start()
        few, _, _ = measure_operator(cluster, operator, FEW, AT_ONCE)
        paced, _, paced_samples = measure_operator(cluster, operator, PACED, about_a_second())
        many, writes, samples = measure_operator(cluster, operator, trials, AT_ONCE)
        # It would see to the bare loop's trials.
        operator.kill()
        bare_paced = BareLoop(cluster, cluster.create_namespace(), paced_samples).measure(PACED)
        bare = BareLoop(cluster, cluster.create_namespace(), samples).measure(trials)
    finally:
        cluster.close()
    return {"few": few, "paced": paced, "many": many, "bare paced": bare_paced, "bare": bare}, writes


def main():
    """Print the table."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with tempfile.TemporaryDirectory() as folder:
        found, writes = measure(Path(folder), trials)
    print(f"{'':<34}{''.join(f'{key:>12}' for key in ('trials/min', *BARS))}")
    shown(f"operator, {PACED} trials of 1 s", found["paced"])
    shown(f"bare client loop, {PACED} of 1 s", found["bare paced"])
    shown(f"operator, {FEW} trials at once", found["few"])
    shown(f"operator, {trials} trials at once", found["many"])
    shown(f"bare client loop, {trials} at once", found["bare"])
    shown("bar", BARS)
    print("writes:", ", ".join(f"{kind} {count}" for kind, count in sorted(writes.items())))
    judged = {"p50 ms": found["paced"], "p99 ms": found["paced"], "writes": found["many"], "CPU ms": found["many"]}
    missed = [key for key, bar in BARS.items() if judged[key][key] > bar]
    missed += ["writes grow"] if found["many"]["writes"] > found["few"]["writes"] + 0.5 else []
    print("missed:", ", ".join(missed) or "none")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
