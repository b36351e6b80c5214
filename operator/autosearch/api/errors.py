"""The closed set of errors that AutoSearch raises for people to read.

Owns: what can go wrong by a user's doing, and the form in which it is told. Every shell maps these to its own
outcome: the command line to an exit code, the operator to a condition's reason. Anything else that is raised is a bug
of ours.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

_LONGEST_FOUND = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input.

    Attributes:
        path: where it is, in the input's own words: `spec.parameters[1].float.min`.
        found: what stands there, as the user would write it; empty when the field is missing.
        message: what is allowed, or what to write instead.
    """

    path: str
    found: str
    message: str

    def __str__(self) -> str:
        found = f" found {self.found};" if self.found else ""
        return f"{self.path}:{found} {self.message}"


def shown(value: object) -> str:
    """Write a found value as JSON, shortened: `"auto"`, `[1, 2]`, `null`."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:
        # Python writes no integer of more digits; json.dumps says no more than that.
        return "a number of more than 4,300 digits"
    return text if len(text) <= _LONGEST_FOUND else f"{text[:_LONGEST_FOUND]}..."


class AutoSearchError(Exception):
    """Base of all errors that are the input's or the surroundings' doing, never a bug's."""


class InvalidInputError(AutoSearchError):
    """An input breaks the API's rules; `problems` holds all that is wrong with it, not just the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class StateConflictError(AutoSearchError):
    """The state found on disk belongs to another search, or another runner is at work on it."""


class EnvironmentFaultError(AutoSearchError):
    """The machine refuses what a search needs: no disk space, no permission, no such program."""
