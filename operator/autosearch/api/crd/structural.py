"""From a pydantic model to the structural schema that an API server takes.

Owns: types, bounds, defaults and descriptions of our own fields. There is no `$ref`, no `anyOf`, no null: an absent
field is absent. Every string, list and map gets a bound, without which the cost of a CEL rule cannot be estimated.
"""

import types
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from autosearch.api.base import Model, Scalar
from autosearch.api.crd.describe import description, meanings

Schema = dict[str, Any]
LONGEST_VALUE = 253
LONGEST_TIME = 40
# The one character that no command line and no environment can carry.
NO_NUL = r"^[^\x00]*$"
MOST_KEYS = 64
MOST_ITEMS = 64
_INT32 = 2**31 - 1
_SCALARS: Mapping[object, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    datetime: {"type": "string", "format": "date-time", "maxLength": LONGEST_TIME},
}
_KEYWORDS = {
    "string": {"min_length": "minLength", "max_length": "maxLength", "pattern": "pattern"},
    "array": {"min_length": "minItems", "max_length": "maxItems"},
    "integer": {"ge": "minimum", "le": "maximum"},
    "number": {"ge": "minimum", "le": "maximum"},
}
# The API server knows no type "number, string or boolean". A value without a type may be anything, and these bounds,
# which no list and no object can keep, leave the scalars.
SCALAR: Schema = {
    "x-kubernetes-preserve-unknown-fields": True,
    "maxLength": LONGEST_VALUE,
    "minItems": 1,
    "maxItems": 0,
    "minProperties": 1,
    "maxProperties": 0,
}


def object_schema(model: type[Model], *, defaults: bool = True) -> Schema:
    """Give the schema of a model.

    Args:
        model: its fields become properties under their names on the wire.
        defaults: whether the API server fills in absent fields; it must not in a status, which says what was seen.
    """
    text, texts = meanings(model)
    properties = {}
    for name, field in model.model_fields.items():
        wire = field.alias or name
        schema = field_schema(field, defaults=defaults)
        inner = schema.get("description", "")
        properties[wire] = {**schema, "description": description(wire, texts.get(name) or inner, schema)}
    required = [field.alias or name for name, field in model.model_fields.items() if field.is_required()]
    result: Schema = {"type": "object", "description": text, "properties": properties}
    if not properties:
        del result["properties"]
    return {**result, "required": required} if required else result


def field_schema(field: FieldInfo, *, defaults: bool = True) -> Schema:
    """Give the schema of one field, with its default."""
    schema = type_schema(field.annotation, field.metadata, defaults=defaults)
    value = _default(field) if defaults else None
    return schema if value is None else {**schema, "default": value}


def _default(field: FieldInfo) -> Any:
    """Give the default in JSON; None where there is none, or only an empty one."""
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value is None:
        return None
    value = value.to_dict() if isinstance(value, Model) else value
    return None if value in ([], "") else value


def type_schema(annotation: object, metadata: Sequence[object] = (), *, defaults: bool = True) -> Schema:
    """Give the schema of a type; `metadata` are the bounds that stand beside it."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_schema(parts[0], [*parts[1:], *metadata], defaults=defaults)
    if origin in {Union, types.UnionType}:
        return _union(parts, metadata, defaults=defaults)
    if origin in {list, dict}:
        return _collection(annotation, metadata, defaults=defaults)
    if origin is Literal:
        return {"type": "string", "enum": list(parts)}
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return object_schema(annotation, defaults=defaults)
    return _bounded(dict(_SCALARS[annotation]), metadata)


def _collection(annotation: object, metadata: Sequence[object], *, defaults: bool) -> Schema:
    inner = get_args(annotation)[-1]
    if inner is Any:
        # Kubernetes' own part, which `documents` puts in.
        return {"type": "object"}
    entries = type_schema(inner, defaults=defaults)
    if get_origin(annotation) is dict:
        return {"type": "object", "additionalProperties": entries, "maxProperties": MOST_KEYS}
    return _bounded({"type": "array", "items": entries, "x-kubernetes-list-type": "atomic"}, metadata)


def _union(parts: Sequence[object], metadata: Sequence[object], *, defaults: bool) -> Schema:
    kinds = [part for part in parts if part is not types.NoneType]
    if len(kinds) == 1:
        return type_schema(kinds[0], metadata, defaults=defaults)
    if set(kinds) == {int, float}:
        return {"type": "number"}
    if set(kinds) == set(get_args(Scalar)):
        return dict(SCALAR)
    raise TypeError(f"no schema for a union of {kinds}")


def _bounded(schema: Schema, metadata: Sequence[object]) -> Schema:
    kind = schema["type"]
    for name, value in _bounds(metadata):
        if name == "gt" and kind in {"integer", "number"}:
            schema |= {"minimum": value, "exclusiveMinimum": True}
        elif name in _KEYWORDS.get(kind, {}):
            schema[_KEYWORDS[kind][name]] = value
    if kind == "integer":
        small = schema.get("minimum", -(2**53)) >= -_INT32 and schema.get("maximum", 2**53) <= _INT32
        schema["format"] = "int32" if small else "int64"
    if kind == "string":
        schema.setdefault("maxLength", LONGEST_VALUE)
    if kind == "array":
        schema.setdefault("maxItems", MOST_ITEMS)
    return schema


def _bounds(metadata: Sequence[object]) -> Iterator[tuple[str, Any]]:
    """Give the bounds among a field's metadata, the narrowest last; some stand in a FieldInfo of their own."""
    for item in metadata:
        for name in ("ge", "gt", "le", "min_length", "max_length", "pattern"):
            value = getattr(item, name, None)
            if value is not None:
                yield name, value
        yield from _bounds(getattr(item, "metadata", ()))
