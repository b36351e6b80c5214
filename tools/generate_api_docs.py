"""Write docs/api.md, the API field by field, from the pydantic models.

    python tools/generate_api_docs.py docs/api.md

Types, bounds and defaults come from the models' JSON schema, meanings from the `Attributes` of their docstrings.
"""

import inspect
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial

Schema = dict[str, Any]
HEAD = """\
<!-- Generated from the models in operator/autosearch/api by `make generate`. Do not edit. -->

# The API, field by field

`autosearch.dev/v1alpha1` has two kinds: [AutoSearchJob](#autosearchjob), which you write, and [Trial](#trial), which
AutoSearch writes. A field in **bold** is required. `status` is AutoSearch's own.
"""
NUMBER_BOUNDS = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}"}
BOUNDS = {
    "maxLength": "at most {} characters",
    "maxItems": "at most {} items",
    "pattern": "matches `{}`",
}
# Bounds that only say that a number fits into what holds it tell a reader nothing.
SILENT = {2**31 - 1, 2**53, -(2**53)}


def models(root: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    """Give a model and those that its fields refer to, each once, in reading order."""
    if root in seen:
        return
    seen.add(root)
    yield root
    for field in root.model_fields.values():
        for inner in inside(field.annotation):
            yield from models(inner, seen)


def inside(annotation: object) -> Iterator[type[BaseModel]]:
    """Give the models that a type mentions."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from inside(part)


def split_docstring(model: type[BaseModel]) -> tuple[str, dict[str, str]]:
    """Give a docstring's text, and the meaning of each attribute by its Python name."""
    text, _, attributes = inspect.cleandoc(model.__doc__ or "").partition("\nAttributes:\n")
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=    \w)", "\n" + attributes):
        name, colon, meaning = entry.strip().partition(":")
        if colon:
            found[name] = " ".join(meaning.split())
    return text.strip(), found


def type_text(schema: Schema) -> str:
    """Write a field's type for people; a model is a link to its section."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(type_text(part) for part in schema["anyOf"] if part.get("type") != "null"))
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return ", ".join(f"`{value}`" for value in values)
    if schema.get("type") == "array":
        return f"list of {type_text(schema['items'])}"
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties")
        return f"object of {type_text(inner)}" if isinstance(inner, dict) else "object"
    return "time" if schema.get("format") == "date-time" else str(schema.get("type", "any value"))


def number_bounds(annotation: object, metadata: Sequence[object]) -> Iterator[str]:
    """Write the bounds of a number; the schema does not show those that stand behind a validator of ours."""
    for item in metadata:
        for name, text in NUMBER_BOUNDS.items():
            value = getattr(item, name, None)
            if value is not None and value not in SILENT:
                yield text.format(value)
        yield from number_bounds(None, getattr(item, "metadata", ()))
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        yield from number_bounds(inner, more)
    elif origin in {Union, UnionType}:
        for part in get_args(annotation):
            yield from number_bounds(part, ())


def bounds_text(schema: Schema, field: FieldInfo) -> str:
    """Write the bounds of a field's values."""
    # Where a type narrows another one, the same sign comes twice, the narrower bound last.
    found = list({text.split()[0]: text for text in number_bounds(field.annotation, field.metadata)}.values())
    for part in (schema, *schema.get("anyOf", [])):
        found += [text.format(part[key]) for key, text in BOUNDS.items() if part.get(key, 1) != 1]
    found += ["not empty"] if schema.get("minItems") == 1 else []
    return ", ".join(dict.fromkeys(found))


def default_text(schema: Schema, *, required: bool) -> str:
    """Write what holds when the field is absent."""
    if required or "default" not in schema or schema["default"] is None:
        return ""
    return f"`{json.dumps(schema['default'])}`"


def row(name: str, schema: Schema, field: FieldInfo, meaning: str) -> str:
    """Describe one field."""
    required = field.is_required()
    bounds = bounds_text(schema, field)
    kind = f"{type_text(schema)}; {bounds}" if bounds else type_text(schema)
    cells = (f"**{name}**" if required else name, kind, default_text(schema, required=required), meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def section(model: type[BaseModel]) -> str:
    """Describe one model."""
    text, meanings = split_docstring(model)
    lines = [f"## {model.__name__}", "", text, ""]
    schema = model.model_json_schema(by_alias=True)
    if not model.model_fields:
        return "\n".join([*lines[:-1], "", "It has no settings: `{}`.", ""])
    lines += ["| field | type | default | meaning |", "| --- | --- | --- | --- |"]
    own = schema if "properties" in schema else schema["$defs"][model.__name__]
    for name, field in model.model_fields.items():
        alias = field.alias or name
        lines.append(row(alias, own["properties"][alias], field, meanings.get(name, "")))
    return "\n".join([*lines, ""])


def page() -> str:
    """Give the whole page."""
    seen: set[type[BaseModel]] = set()
    found = [model for root in (AutoSearchJob, Trial) for model in models(root, seen)]
    return "\n".join([HEAD, *(section(model) for model in found)])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
