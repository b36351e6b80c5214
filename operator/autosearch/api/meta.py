"""What every Kubernetes object carries: metadata and conditions.

Owns: the subset that AutoSearch reads or writes. Times of conditions change only when their status does.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from autosearch.api.base import Count, Message, Model, Short, Time

Status = Literal["True", "False", "Unknown"]


class OwnerReference(Model):
    """Who this object is deleted with."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(Model):
    """Name, identity and labels of an object."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
    namespace: str | None = None
    uid: str | None = None
    generation: Count | None = None
    resource_version: str | None = None
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[OwnerReference] | None = None
    finalizers: list[str] | None = None


class Condition(Model):
    """One aspect of an object's state, as `kubectl wait --for=condition=TYPE` reads it.

    Attributes:
        type: which aspect.
        status: `True`, `False`, or `Unknown`.
        observed_generation: the spec's generation that this speaks of.
        last_transition_time: since when `status` is what it is.
        reason: one word for programs.
        message: a sentence for people.
    """

    type: Short
    status: Status
    observed_generation: Count | None = None
    last_transition_time: Time
    reason: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_,:]*$", max_length=128)]
    message: Message = ""


def find_condition(conditions: Sequence[Condition], kind: str) -> Condition | None:
    """Give the condition of that type, if there is one."""
    return next((condition for condition in conditions if condition.type == kind), None)


def is_true(conditions: Sequence[Condition], kind: str) -> bool:
    """Say whether a condition is there and True."""
    condition = find_condition(conditions, kind)
    return condition is not None and condition.status == "True"


def with_condition(
    conditions: Sequence[Condition],
    kind: str,
    status: Status,
    reason: str,
    message: str,
    *,
    now: datetime,
    generation: int | None = None,
) -> list[Condition]:
    """Set one condition; its time changes only with its status, and nothing at all changes if it says so already."""
    old = find_condition(conditions, kind)
    since = old.last_transition_time if old is not None and old.status == status else now
    new = Condition.model_construct(
        type=kind,
        status=status,
        observed_generation=generation,
        last_transition_time=since,
        reason=reason,
        message=message[:4096],
    )
    if old is None:
        return [*conditions, new]
    return [new if condition is old else condition for condition in conditions]


Json = dict[str, Any]
