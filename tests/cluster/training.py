"""A training script as a test plays it, in a pod whose operator may stop it.

Owns: what such a script reports, and jobs that try given values one after the other. It knows no stopping rule.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.cluster.access import Access, Json
from tests.cluster.jobs import a_job
from tests.cluster.operator_process import OperatorProcess
from tests.cluster.player import Player, verdict_of
from tests.cluster.pods import condition
from tests.cluster.senders import PLAYED, Sender, in_thread


@dataclass
class Training:
    """A training script whose metric is its parameter `x` at each step; one that is stopped ends without a result.

    Attributes:
        hopeless: the values of `x` that the rule will stop.
        steps: how many steps a script has.
        growing: whether a good script's metric grows.
        stops: the step at which each stopped script heard of it, by `x`.
    """

    cluster: Access
    operator: OperatorProcess
    hopeless: set[float]
    steps: int = 3
    growing: bool = False
    stops: dict[float, int] = field(default_factory=dict)

    async def __call__(self, player: Player, pod: Json) -> None:
        sender = await in_thread(Sender, self.cluster, self.operator, pod)
        x = parameter(pod)
        running = await player.start(pod)
        step = 0
        while step < self.steps or x in self.hopeless:
            step += 1
            value = x + 0.001 * step * (self.growing and x not in self.hopeless)
            answer = await in_thread(sender.progress, step, value)
            if answer["stop"]:
                assert answer["reason"], "a stop comes with its reason"
                self.stops[x] = step
                break
            if x in self.hopeless and step >= self.steps:
                await in_thread(sender.wait_trial, stop_requested)
        await player.end(running, verdict="{}" if x in self.stops else verdict_of(pod, value))


def parameter(pod: Json) -> float:
    """Give the value of `x` that the trial container gets."""
    return next(float(e["value"]) for e in pod["spec"]["containers"][0]["env"] if e["name"] == "AUTOSEARCH_PARAM_x")


def stop_requested(trial: Json) -> bool:
    """Say whether the operator has decided that a trial stops."""
    return condition({"status": {}, **trial}, "StopRequested").get("status") == "True"


def job_over(name: str, rule: Json, values: tuple[float, ...], **spec: Any) -> Json:
    """Give a job that tries these values of `x` in their order."""
    given = {"parallelTrials": 1, "maxFailedTrials": 0, **spec}
    return a_job(
        name,
        PLAYED,
        earlyStopping=rule,
        maxTrials=len(values),
        initialTrials=[{"x": value} for value in values],
        algorithm={"random": {}},
        **given,
    )
