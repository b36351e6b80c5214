"""One rule of a schema, and how it is put where it belongs.

Owns: the form of `x-kubernetes-validations`. A rule sees what stands below the place it is written at, so each is put
as deep as its fields allow: the API server names that place in its answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Schema = dict[str, Any]
Reason = Literal["FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate"]


@dataclass(frozen=True)
class Rule:
    """One CEL rule.

    Attributes:
        holds: the expression that is true of a right object.
        message: what to write instead, for people.
        path: the field that the answer names, from the rule's own place: `.maxTrials`; "" for the place itself.
        reason: what kind of mistake it is.
        found: an expression that makes the message from the object; `message` stands in where it fails.
    """

    holds: str
    message: str
    path: str = ""
    reason: Reason = "FieldValueInvalid"
    found: str = ""

    def to_dict(self) -> Schema:
        """Give the rule's JSON form."""
        fields = {
            "rule": self.holds,
            "message": self.message,
            "messageExpression": self.found,
            "fieldPath": self.path,
            "reason": "" if self.reason == "FieldValueInvalid" else self.reason,
        }
        return {name: value for name, value in fields.items() if value}


Rules = Mapping[str, Sequence[Rule]]


def put(schema: Schema, rules: Rules) -> None:
    """Write rules into a schema, each at its path such as `spec.parameters[].float`; "" is the root.

    Raises:
        KeyError: the schema has no such place.
    """
    for path, each in rules.items():
        place = at(schema, path)
        place["x-kubernetes-validations"] = [*place.get("x-kubernetes-validations", []), *(r.to_dict() for r in each)]


def at(schema: Schema, path: str) -> Schema:
    """Give the part of a schema at a path; `[]` goes into a list, `{}` into the values of a map."""
    for name in path.replace("[]", ".[]").replace("{}", ".{}").split(".") if path else ():
        if name:
            schema = (
                schema[{"[]": "items", "{}": "additionalProperties"}[name]]
                if name in {"[]", "{}"}
                else (schema["properties"][name])
            )
    return schema


def exactly_one(names: Sequence[str], example: str) -> Rule:
    """Give the rule of a union of objects."""
    given = ", ".join(f"has(self.{name})" for name in names)
    return Rule(
        f"[{given}].filter(given, given).size() == 1",
        f"must have exactly one of {', '.join(names)}; write one of them, such as `{example}`",
    )
