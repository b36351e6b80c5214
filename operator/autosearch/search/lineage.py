"""Lineage: which trial's weights a PBT trial carries, back to where they were first made.

Owns: the chain of parents. It reads trials and decides nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from autosearch.api.trial import Operation, Trial, Values


@dataclass(frozen=True, slots=True)
class Step:
    """One trial as a part of a schedule.

    Attributes:
        parent: name of the trial whose checkpoint it started from; "" if it started anew.
        value: the objective as reported; None if there is none.
    """

    name: str
    round: int
    member: int
    parameters: Values
    operation: Operation = "Init"
    parent: str = ""
    value: float | None = None

    @classmethod
    def of(cls, trial: Trial) -> Self:
        """Read the step from a Trial object."""
        spec = trial.spec
        return cls(
            name=trial.name,
            round=spec.round,
            member=spec.member,
            parameters=spec.parameters,
            operation=spec.operation,
            parent=spec.resume.trial_name if spec.resume else "",
            value=trial.status.value,
        )


def schedule(steps: Mapping[str, Step], name: str) -> list[Step]:
    """Give a trial's chain of parents, the oldest first and the trial itself last.

    The chain starts in round 0, or later where the member started anew or a parent's object was deleted. Parameters
    per round are the schedule that made the trial's weights.

    Raises:
        KeyError: there is no trial of this name.
    """
    chain = [steps[name]]
    seen = {name}
    while (parent := steps.get(chain[-1].parent)) is not None and parent.name not in seen:
        seen.add(parent.name)
        chain.append(parent)
    return chain[::-1]
