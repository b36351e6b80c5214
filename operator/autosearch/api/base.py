"""The common base of every API object: names in camelCase on the wire, immutable in memory.

Owns: how objects are read and written. Unknown fields are ignored here, because a newer API server may add some;
files are checked for unknown fields by `autosearch.api.loading`.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

MAX_COUNT = 2**31 - 1


class Model(BaseModel):
    """An immutable record; `to_dict` and `from_dict` speak the API's JSON."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="ignore",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
    )

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """Read an object from its JSON form; raises `pydantic.ValidationError`."""
        return cls.model_validate(data)

    def to_dict(self) -> dict[str, Any]:
        """Give the object's JSON form, without absent fields."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def replace(self, **changes: Any) -> Self:
        """Give a copy with some attributes changed; the new values are trusted, as they are ours."""
        return self.model_copy(update=changes)


def _whole(value: Any) -> Any:
    """The API server stores 4.0 as 4 and the reverse may reach us from other clients: both are the integer 4."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be a time between the years 1 and 9999 in UTC") from None


def format_time(value: datetime) -> str:
    """Write a time as Kubernetes' MicroTime: UTC, always six digits of a second."""
    return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _parse_time(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    parsed = datetime.fromisoformat(value)
    if parsed.tzinfo is None:
        raise ValueError("must carry a time zone, such as the Z of 2026-01-31T12:00:00Z")
    return parsed


Time = Annotated[
    datetime,
    BeforeValidator(_parse_time),
    AfterValidator(_utc),
    PlainSerializer(format_time, when_used="json"),
]
Int = Annotated[int, BeforeValidator(_whole)]
Count = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=MAX_COUNT)]
Positive = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=MAX_COUNT)]
Short = Annotated[str, Field(min_length=1, max_length=253)]
Path = Annotated[str, Field(max_length=1024)]
Message = Annotated[str, Field(max_length=4096)]


def is_finite(value: float) -> bool:
    """Say whether a number is one that a float can hold: not NaN, not infinite, no integer beyond 1.8e308."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def not_exactly_one(names: Sequence[str], given: Sequence[str]) -> str:
    """Say what is wrong with a union of which these members are given; "" if it is exactly one."""
    if len(given) == 1:
        return ""
    return f"must have exactly one of {', '.join(names)}; has {' and '.join(f'`{name}`' for name in given) or 'none'}"


def _scalar(value: Any) -> Any:
    if not isinstance(value, bool | int | float | str):
        raise PydanticCustomError("scalar", "must be a number, a string, true or false")
    return value if isinstance(value, bool | str) else _number(value)


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("number", "must be a number")
    if not is_finite(value):
        raise PydanticCustomError("finite_number", "must be a finite number")
    return value


# One validator in front of each union, so that one wrong value is one error and not one for each member.
Scalar = bool | int | float | str
ScalarValue = Annotated[Scalar, BeforeValidator(_scalar)]
Number = Annotated[int | float, BeforeValidator(_number)]
