"""Believable searches for the tests of the views: PBT with exploits and failures, a Bayesian one with curves.

Owns: made-up objects that look like those of a real search. Nothing here is random from run to run.
"""

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial
from autosearch.search.space import SearchSpace

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TRACEBACK = """Traceback (most recent call last):
  File "train.py", line 88, in <module>
    loss.backward()
RuntimeError: CUDA out of memory. Tried to allocate 1.17 GiB"""


def stamp(seconds: float) -> str:
    """Write the time that many seconds after the start, as the API has it."""
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def job_of(name: str, parameters: list[dict[str, Any]], spec: dict[str, Any], status: dict[str, Any]) -> AutoSearchJob:
    """Make a job with the least that a manifest must have."""
    command = ["python", "train.py"]
    template = {"spec": {"containers": [{"name": "trial", "image": "registry.example/cifar:1.4", "command": command}]}}
    data = {
        "apiVersion": "autosearch.dev/v1alpha1",
        "kind": "AutoSearchJob",
        "metadata": {"name": name, "uid": "3f9c2a7e-1111-4222-8333-444455556666", "creationTimestamp": stamp(0)},
        "spec": {"parameters": parameters, "template": template, **spec},
        "status": {"startTime": stamp(0), **status},
    }
    return AutoSearchJob.from_dict(data)


def trial_of(job: str, number: int, identity: str, spec: dict[str, Any], status: dict[str, Any]) -> Trial:
    """Make a trial of a job."""
    round_, member = (int(part) for part in identity.split("-"))
    data = {
        "apiVersion": "autosearch.dev/v1alpha1",
        "kind": "Trial",
        "metadata": {"name": f"{job}-3f9c2a7e-{identity}"},
        "spec": {
            "jobName": job,
            "number": number,
            "trialId": identity,
            "round": round_,
            "member": member,
            "sampler": "tpe",
            **spec,
        },
        "status": status,
    }
    return Trial.from_dict(data)


def attempt(identity: str, start: float, end: float | None, reason: str = "Reported", **more: Any) -> dict[str, Any]:
    """Make the record of one run."""
    times = {"startTime": stamp(start)} | ({"endTime": stamp(end)} if end is not None else {})
    return {"id": identity, "podUID": f"uid-{identity}", "reason": reason if end is not None else "", **times, **more}


TPE_PARAMETERS = [
    {"name": "lr", "float": {"min": 0.0001, "max": 0.1, "scale": "Log"}},
    {"name": "layers", "int": {"min": 1, "max": 8}},
    {"name": "batch_size", "discrete": {"values": [32, 64, 128, 256]}},
    {"name": "optimizer", "categorical": {"choices": ["adam", "sgd", "rmsprop"]}},
    {"name": "dropout", "float": {"min": 0.0, "max": 0.6}},
    {"name": "use_bn", "boolean": {}},
]
OPTIMUM = {"lr": 0.006, "layers": 5, "batch_size": 64, "optimizer": "adam", "dropout": 0.2, "use_bn": True}


def _quality(parameters: dict[str, Any], rng: random.Random) -> float:
    lr = math.log10(parameters["lr"] / 0.006)
    loss = 0.055 * lr**2 + 0.006 * (parameters["layers"] - 5) ** 2 + 0.16 * (parameters["dropout"] - 0.2) ** 2
    loss += {"adam": 0.0, "sgd": 0.045, "rmsprop": 0.02}[parameters["optimizer"]] + 0.03 * (not parameters["use_bn"])
    return max(0.1, 0.953 - loss + rng.gauss(0, 0.006))


def _tpe_point(space: SearchSpace, number: int, rng: random.Random) -> dict[str, Any]:
    point = space.draw(rng)
    if number < 10:
        return dict(point)
    near = space.to_unit(OPTIMUM)
    width = 0.45 * math.exp(-number / 22) + 0.05
    units = [min(max(rng.gauss(centre, width), 0.0), 1.0) if rng.random() > 0.12 else rng.random() for centre in near]
    return dict(space.from_unit(units))


def _curve(final: float, steps: int, rng: random.Random) -> list[dict[str, Any]]:
    rate = rng.uniform(2.2, 4.5)
    return [
        {"step": s, "metrics": {"acc": round(final * (1 - 0.75 * math.exp(-rate * s / 12)) + rng.gauss(0, 0.004), 5)}}
        for s in range(1, steps + 1)
    ]


def _tpe_status(number: int, start: float, parameters: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    identity, final = f"0-{number}", _quality(parameters, rng)
    length = rng.lognormvariate(math.log(95), 0.35)
    base: dict[str, Any] = {"startTime": stamp(start), "attemptCount": 1}
    if number in (7, 33, 41):
        oom = number == 41
        reason, message, code = ("OOMKilled", "", 137) if oom else ("ScriptFailed", TRACEBACK, 1)
        first = attempt(identity, start, start + 14, reason, message=message, exitCode=code)
        second = attempt(f"{identity}-r1", start + 16, start + 31, reason, message=message, exitCode=code)
        return base | {
            "state": "Failed",
            "attempts": [first, second],
            "attemptCount": 2,
            "failedAttempts": 2,
            "completionTime": stamp(start + 31.5),
        }
    if number > 12 and final < 0.875 and number % 3:
        steps = rng.randint(3, 6)
        curve = _curve(final, steps, rng)
        end = start + length * steps / 12
        done = {"type": "StopRequested", "status": "True", "lastTransitionTime": stamp(end), "reason": "Median"}
        done["message"] = f"{curve[-1]['metrics']['acc']:.3f} at step {steps} is worse than the median of 9 trials"
        state = {"state": "EarlyStopped", "value": curve[-1]["metrics"]["acc"], "conditions": [done]}
        return (
            base
            | state
            | {
                "observations": curve,
                "attempts": [attempt(identity, start, end, "EarlyStopped")],
                "completionTime": stamp(end + 0.2),
            }
        )
    end, runs, shift = start + length, [], 0.0
    if number == 18:
        runs, shift = [attempt(identity, start, start + 40, "Evicted", message="node pressure: memory")], 44
    last = f"{identity}-r1" if runs else identity
    return base | {
        "state": "Succeeded",
        "value": round(final, 5),
        "observations": _curve(final, 12, rng),
        "attempts": [*runs, attempt(last, start + shift, end + shift)],
        "attemptCount": len(runs) + 1,
        "modelPath": f"cifar-tpe-3f9c2a7e/{last}",
        "completionTime": stamp(end + shift + 0.3),
    }


def _end_of(status: dict[str, Any]) -> float:
    return (datetime.fromisoformat(status["completionTime"]) - START).total_seconds()


def tpe_search(trials: int = 60, parallel: int = 4) -> tuple[AutoSearchJob, list[Trial]]:
    """A Bayesian search for the accuracy of an image classifier, with failures and early stops."""
    rng = random.Random(11)
    space = SearchSpace.of(job_of("x", TPE_PARAMETERS, _TPE_SPEC | {"maxTrials": 1}, {}).spec.parameters)
    free, made = [0.0] * parallel, []
    for number in range(trials):
        slot = min(range(parallel), key=free.__getitem__)
        parameters = _tpe_point(space, number, rng)
        start = free[slot] + rng.uniform(0.5, 6.0)
        status = _tpe_status(number, start, parameters, rng)
        free[slot] = _end_of(status)
        made.append(trial_of("cifar-tpe", number, f"0-{number}", {"parameters": parameters}, status))
    return finished_job(
        "cifar-tpe", TPE_PARAMETERS, _TPE_SPEC | {"maxTrials": trials, "parallelTrials": parallel}, made
    )


_TPE_SPEC: dict[str, Any] = {
    "objective": {"metric": "acc", "direction": "Maximize", "target": 0.97},
    "algorithm": {"tpe": {"startupTrials": 10}},
    "earlyStopping": {"median": {"startupTrials": 5, "warmupSteps": 2}},
    "framework": "PyTorch",
    "output": {"volume": {"persistentVolumeClaim": {"claimName": "results"}}, "subPath": "team-a"},
}


def finished_job(
    name: str, parameters: list[dict[str, Any]], spec: dict[str, Any], trials: list[Trial]
) -> tuple[AutoSearchJob, list[Trial]]:
    """Give the job whose trials these are, Complete, with the status that follows from them."""
    done = [trial for trial in trials if trial.status.state == "Succeeded"]
    worst_first = sorted(
        done, key=lambda t: t.status.value or 0.0, reverse=spec["objective"]["direction"] == "Minimize"
    )
    end = max((_end_of(t.to_dict()["status"]) for t in trials), default=60.0)
    condition = {"type": "Complete", "status": "True", "lastTransitionTime": stamp(end)}
    condition |= {"reason": "AllTrialsFinished", "message": f"all {len(trials)} trials have finished"}
    status: dict[str, Any] = {
        "state": "Complete",
        "seed": 7,
        "conditions": [condition],
        "trials": {"planned": len(trials), "created": len(trials), "succeeded": len(done)},
        "usage": {"trialSeconds": 0.8 * end * 4, "gpuSeconds": 0.8 * end * 4},
        "completionTime": stamp(end),
    }
    if worst_first:
        status["best"] = _best(worst_first[-1])
    return job_of(name, parameters, spec, status), trials


def _best(trial: Trial) -> dict[str, Any]:
    best = {"trialName": trial.name, "value": trial.status.value, "parameters": trial.spec.parameters}
    path = trial.status.model_path
    return best | ({"modelPath": path, "modelURI": f"pvc://results/team-a/{path}"} if path else {})


def failed_search() -> tuple[AutoSearchJob, list[Trial]]:
    """A search that ended because nothing succeeded: six trials failed, one was stopped with it, nine never began."""
    rng, made = random.Random(3), []
    space = SearchSpace.of(job_of("x", TPE_PARAMETERS, _TPE_SPEC | {"maxTrials": 1}, {}).spec.parameters)
    for number in range(7):
        start, state = 12.0 * (number // 2) + number, "Stopped" if number == 6 else "Failed"
        run = attempt(f"0-{number}", start, start + 9, "ScriptFailed", message=TRACEBACK, exitCode=1)
        if number == 6:
            run = attempt("0-6", start, start + 3, "SearchEnded", exitCode=143)
        times = {"startTime": stamp(start), "completionTime": stamp(start + 9.5)}
        status = {"state": state, "attempts": [run], "attemptCount": 1, "failedAttempts": int(number != 6), **times}
        made.append(trial_of("cifar-tpe", number, f"0-{number}", {"parameters": dict(space.draw(rng))}, status))
    job, _ = finished_job("cifar-tpe", TPE_PARAMETERS, _TPE_SPEC | {"maxTrials": 16, "parallelTrials": 2}, made)
    said = "6 trials failed, maxFailedTrials is 5; the last one, trial 0-5: it ended with exit code 1"
    condition = {
        "type": "Failed",
        "status": "True",
        "lastTransitionTime": stamp(60),
        "reason": "MaxFailedTrialsExceeded",
    }
    data = job.to_dict()
    data["status"] |= {"state": "Failed", "conditions": [condition | {"message": f"{said}\n{TRACEBACK}"}]}
    return AutoSearchJob.from_dict(data), made


PBT_PARAMETERS = [
    {"name": "lr", "float": {"min": 0.0001, "max": 0.3, "scale": "Log"}},
    {"name": "momentum", "float": {"min": 0.5, "max": 0.99}},
    {"name": "weight_decay", "float": {"min": 0.000001, "max": 0.01, "scale": "Log"}},
    {"name": "augment", "categorical": {"choices": ["none", "flip", "flip+crop"]}},
]


class _Population:
    """A small PBT of its own: enough to look like one, independent of the algorithm under test elsewhere."""

    def __init__(self, members: int, rounds: int, seed: int) -> None:
        self.rng, self.rounds, self.members = random.Random(seed), rounds, members
        spec = _PBT_SPEC | {"algorithm": {"pbt": {"population": members, "rounds": rounds}}}
        self.space = SearchSpace.of(job_of("x", PBT_PARAMETERS, spec, {}).spec.parameters)
        self.clock = [0.0] * members
        self.latest: dict[int, Trial] = {}
        self.made: list[tuple[Trial, float]] = []

    def run(self) -> list[Trial]:
        """Train every member through all rounds, always the one that is free first."""
        while True:
            open_members = [m for m in range(self.members) if self._next_round(m) < self.rounds]
            if not open_members:
                return sorted((trial for trial, _ in self.made), key=lambda trial: trial.spec.number)
            self._train(min(open_members, key=lambda m: (self.clock[m], m)))

    def _next_round(self, member: int) -> int:
        return self.latest[member].spec.round + 1 if member in self.latest else 0

    def _train(self, member: int) -> None:
        round_ = self._next_round(member)
        spec = self._choose(member, round_)
        parent = next((t for t, _ in self.made if t.name == spec.get("resume", {}).get("trialName")), None)
        start = self.clock[member] + self.rng.uniform(0.5, 2.5)
        end = start + self.rng.lognormvariate(math.log(60), 0.14)
        identity = f"{round_}-{member}"
        status = self._status(identity, parent, spec["parameters"], start, end)
        trial = trial_of("cifar-pbt", round_ * self.members + member, identity, {**spec, "sampler": "pbt"}, status)
        self.clock[member] = _end_of(status)
        self.latest[member] = trial
        self.made.append((trial, self.clock[member]))

    def _status(
        self, identity: str, parent: Trial | None, parameters: dict[str, Any], start: float, end: float
    ) -> dict[str, Any]:
        if identity in ("2-5", "3-1"):
            run = attempt(identity, start, start + 20, "ScriptFailed", message=TRACEBACK, exitCode=1)
            failed = {"state": "Failed", "attempts": [run], "attemptCount": 1, "failedAttempts": 1}
            return failed | {"startTime": stamp(start), "completionTime": stamp(start + 21)}
        before = parent.status.value if parent is not None and parent.status.value is not None else 0.34
        ideal = math.log10(0.08) - 1.6 * int(identity.split("-", maxsplit=1)[0]) / max(self.rounds - 1, 1)
        fit = math.exp(-((math.log10(parameters["lr"]) - ideal) ** 2) / 0.9)
        fit *= {"none": 0.75, "flip": 0.92, "flip+crop": 1.0}[parameters["augment"]]
        value = min(before + (0.975 - before) * 0.42 * fit + self.rng.gauss(0, 0.006), 0.985)
        folder = f"cifar-pbt-3f9c2a7e/{identity}"
        return {
            "state": "Succeeded",
            "value": round(value, 5),
            "attempts": [attempt(identity, start, end)],
            "attemptCount": 1,
            "modelPath": folder,
            "checkpointPath": f"{folder}/model.ckpt",
            "startTime": stamp(start),
            "completionTime": stamp(end + 0.3),
        }

    def _choose(self, member: int, round_: int) -> dict[str, Any]:
        if round_ == 0:
            return {"parameters": dict(self.space.draw(self.rng)), "operation": "Init"}
        own = self.latest[member]
        known = [trial for trial, end in self.made if end <= self.clock[member]]
        newest = {trial.spec.member: trial for trial in sorted(known, key=lambda t: t.spec.round)}
        ranked = sorted(newest.values(), key=lambda t: t.status.value or 0.0)
        count = max(3 * len(ranked) // 8, 1)
        bottom = own.status.state == "Failed" or own in ranked[:count]
        if bottom and self.rng.random() < 0.1:
            return {"parameters": dict(self.space.draw(self.rng)), "operation": "Restart"}
        winner = self.rng.choice(ranked[-count:]) if bottom else own
        parameters = self._explore(winner.spec.parameters) if bottom else dict(own.spec.parameters)
        resume = {"trialName": winner.name, "checkpointPath": winner.status.checkpoint_path}
        return {"parameters": parameters, "operation": "Exploit" if bottom else "Continue", "resume": resume}

    def _explore(self, parameters: dict[str, Any]) -> dict[str, Any]:
        moved = dict(parameters)
        moved["lr"] = min(max(moved["lr"] * self.rng.choice([0.5, 0.8, 1.25]), 0.0001), 0.3)
        moved["momentum"] = min(max(moved["momentum"] + self.rng.choice([-0.098, 0.098]), 0.5), 0.99)
        moved["weight_decay"] = min(max(moved["weight_decay"] * self.rng.choice([0.8, 1.25]), 0.000001), 0.01)
        return moved


_PBT_SPEC: dict[str, Any] = {
    "objective": {"metric": "acc", "direction": "Maximize"},
    "framework": "PyTorch",
    "output": {"volume": {"persistentVolumeClaim": {"claimName": "results"}}, "subPath": "team-a"},
}


def pbt_search(members: int = 8, rounds: int = 6, seed: int = 24) -> tuple[AutoSearchJob, list[Trial]]:
    """An asynchronous PBT search with exploits, a restart or two, and two failed trials."""
    trials = _Population(members, rounds, seed).run()
    spec = _PBT_SPEC | {"algorithm": {"pbt": {"population": members, "rounds": rounds}}}
    return finished_job("cifar-pbt", PBT_PARAMETERS, spec, trials)


def still_running(search: tuple[AutoSearchJob, list[Trial]], seconds: float) -> tuple[AutoSearchJob, list[Trial]]:
    """Give a search as it was that many seconds after its start."""
    job, trials = search
    now = START + timedelta(seconds=seconds)
    then = [_as_of(t, now) for t in trials if t.status.start_time is not None and t.status.start_time <= now]
    done = [t for t in then if t.status.state == "Succeeded"]
    best = max(done, key=lambda t: t.status.value or 0.0, default=None)
    data = job.to_dict()
    data["status"] |= {"state": "Running", "conditions": [], "best": _best(best) if best else None}
    del data["status"]["completionTime"]
    return AutoSearchJob.from_dict(data), then


def _as_of(trial: Trial, now: datetime) -> Trial:
    status = trial.status
    if status.completion_time is not None and status.completion_time <= now:
        return trial
    assert status.start_time is not None
    run = status.attempts[0].replace(end_time=None, reason="", message="")
    share = (now - status.start_time) / timedelta(seconds=95)
    seen = status.observations[: int(share * 12)]
    return trial.replace(
        status=status.replace(
            state="Running",
            value=None,
            completion_time=None,
            conditions=[],
            attempts=[run],
            observations=seen,
            attempt_count=1,
            failed_attempts=0,
            model_path=None,
            checkpoint_path=None,
        )
    )
