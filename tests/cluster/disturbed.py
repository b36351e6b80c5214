"""Searches whose operator is disturbed: what is started for them, what their end is compared by, and their pods' lives.

Owns: the form in which two ends of the same search are compared, a record of which pods lived at the same time, and the
kubelet's part of starting an operator again that has ended.
"""

import json
import threading
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.cluster.access import Access
from tests.cluster.control_plane import ControlPlane
from tests.cluster.jobs import Searches, a_job, bound_claim, with_output
from tests.cluster.operator_process import OperatorProcess
from tests.cluster.pods import condition
from tests.cluster.processes import Part, free_port

Json = dict[str, Any]
_OVER = ("Succeeded", "Failed")


def a_population(name: str = "swarm", milliseconds: int = 100) -> Json:
    """Give a PBT search of sixteen trials that is the same at each try: values follow from parameters."""
    settings = {"population": 4, "rounds": 4, "mode": "Synchronous"}
    notes = {"run-milliseconds": str(milliseconds)}
    return a_job(name, notes, algorithm={"pbt": settings}, seed=7, **with_output())


def own_searches(cluster: ControlPlane) -> Searches:
    """Give a fresh namespace with a claim `results`."""
    namespace = cluster.create_namespace()
    cluster.apply(*bound_claim(namespace), namespace=namespace)
    return Searches(cluster, namespace)


def own_operator(cluster: ControlPlane, folder: Path, searches: Searches, server: str = "") -> OperatorProcess:
    """Give an operator for that namespace alone, which is not started."""
    return OperatorProcess(cluster, folder, server=server, values={"namespaces": [searches.namespace]})


def standby(cluster: ControlPlane, operator: OperatorProcess, identity: str, server: str = "") -> Part:
    """Give a second replica with the same rights and the same Lease, which is not started."""
    kubeconfig = cluster.user_kubeconfig(operator.token, operator.namespace, server)
    other = {"identity": identity, "health-port": free_port(), "report-port": free_port(), "kubeconfig": kubeconfig}
    flags = {f"--{name}": f"--{name}={value}" for name, value in other.items()}
    command = [flags.get(word.partition("=")[0], word) for word in operator.part.command]
    log = operator.log.with_name(f"{identity}.log")
    return Part(identity, command, log, operator.part.environment)


def outcome(searches: Searches, name: str) -> Json:
    """Give what is to be the same however the operator was disturbed; names without the job's id."""
    job = searches.get(name)
    identity = f"{name}-{job['metadata']['uid'][:8]}"
    status = job["status"]
    found = {
        "state": status["state"],
        "counts": status["trials"],
        "progress": status["progress"],
        "best": status["best"],
        "seed": status["seed"],
        "trials": [_trial(trial) for trial in searches.trials(name)],
    }
    plain: Json = json.loads(json.dumps(found).replace(identity, "JOB"))
    plain["best"].pop("modelURI", None)  # it holds the namespace's claim
    return plain


def _trial(trial: Json) -> Json:
    spec, status = trial["spec"], trial["status"]
    proposed = {key: spec.get(key) for key in ("number", "trialId", "round", "member", "parameters", "operation")}
    return {
        **proposed,
        "resume": spec.get("resume"),
        "state": status["state"],
        "value": status.get("value"),
        "checkpoint": status.get("checkpointPath"),
        "attempts": [(attempt["id"], attempt["reason"]) for attempt in status["attempts"]],
    }


def check_handovers(searches: Searches, name: str) -> int:
    """Check that each trial that goes on from another has that one's checkpoint; gives how many do."""
    trials = {trial["metadata"]["name"]: trial for trial in searches.trials(name)}
    resumed = [trial for trial in trials.values() if trial["spec"].get("resume")]
    for trial in resumed:
        resume = trial["spec"]["resume"]
        parent = trials[resume["trialName"]]
        assert resume["checkpointPath"] == parent["status"]["checkpointPath"]
        assert parent["spec"]["round"] < trial["spec"]["round"]
    return len(resumed)


def is_finished(job: Json) -> bool:
    """Say whether a job is over."""
    return condition({"status": {}, **job}, "Finished").get("status") == "True"


def finish(
    operator: OperatorProcess, searches: Searches, name: str, seconds: float = 240, *, restart: bool = True
) -> Json:
    """Wait until a job is over, and give it; start an operator that has ended again, as the kubelet does."""
    deadline = time.monotonic() + seconds
    while not is_finished(job := searches.get(name)):
        assert time.monotonic() < deadline, (
            f"not over after {seconds:.0f} s: {job.get('status')} {operator.part.tail()}"
        )
        if not operator.part.running:
            assert restart, f"the operator ended: {operator.part.tail()}"
            operator.part.start()
        time.sleep(0.05)
    return job


class PodLives:
    """Which pods of a namespace were alive at the same time, by a watch in a thread of its own.

    Attributes:
        uids: of each trial's pods.
        most: how many of a trial's pods were alive at once, at most.
    """

    def __init__(self) -> None:
        self._alive: dict[str, str] = {}
        self.uids: dict[str, set[str]] = {}
        self.most: dict[str, int] = {}
        self.started = threading.Event()

    def follow(self, access: Access, namespace: str) -> None:
        """Take what happens until the server ends the watch."""
        path = f"/api/v1/namespaces/{namespace}/pods?watch=1&timeoutSeconds=300"
        headers = {"Authorization": f"Bearer {access.admin_token}"}
        request = urllib.request.Request(f"{access.server}{path}", headers=headers)  # noqa: S310 - our own server
        with suppress(OSError), urllib.request.urlopen(request, context=access.trust()) as answer:  # noqa: S310 - our own server
            self.started.set()
            while line := answer.readline():
                event = json.loads(line)
                self.take(event["type"], event["object"])

    def take(self, kind: str, pod: Json) -> None:
        """Take one event."""
        meta = pod["metadata"]
        trial = meta.get("labels", {}).get("autosearch.dev/trial", "")
        self.uids.setdefault(trial, set()).add(meta["uid"])
        if kind == "DELETED" or pod.get("status", {}).get("phase") in _OVER:
            self._alive.pop(meta["uid"], None)
        else:
            self._alive[meta["uid"]] = trial
        now = sum(each == trial for each in self._alive.values())
        self.most[trial] = max(self.most.get(trial, 0), now)


def pod_lives(access: Access, namespace: str) -> PodLives:
    """Begin to watch a namespace's pods; ends with the API server, or after 5 minutes."""
    lives = PodLives()
    threading.Thread(target=lives.follow, args=(access, namespace), daemon=True).start()
    assert lives.started.wait(30), "the watch did not start"
    return lives
