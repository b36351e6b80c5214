"""What `kubectl explain` tells about a field: its meaning, its bounds, its default, and whether it may change.

Owns: the texts. The meanings are those of the models' docstrings; what the schema itself knows is added here, because
`kubectl explain` does not show it.
"""

import inspect
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from autosearch.api.base import MAX_COUNT, Model

Schema = dict[str, Any]
# Bounds that only say that a number fits into what holds it tell a reader nothing.
_SILENT = {MAX_COUNT, 2**53, -(2**53)}


@lru_cache
def meanings(model: type[Model]) -> tuple[str, Mapping[str, str]]:
    """Give a model's docstring without its attributes, and the meaning of each attribute by its Python name."""
    text, _, attributes = inspect.cleandoc(model.__doc__ or "").partition("\nAttributes:\n")
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=    \w)", "\n" + attributes):
        name, colon, meaning = entry.strip().partition(":")
        if colon:
            found[name] = " ".join(meaning.split())
    return " ".join(text.split()), found


def description(name: str, meaning: str, schema: Schema, note: str = "") -> str:
    """Put a field's text together.

    Args:
        name: the field's name on the wire.
        meaning: from the model's docstring.
        schema: the field's own schema, with its bounds and default.
        note: what to say about changes of it; "" for nothing.
    """
    sentences = [_sentence(f"{name}: {meaning}"), _bounds(schema), _default(schema), note]
    return " ".join(sentence for sentence in sentences if sentence)


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _bounds(schema: Schema) -> str:
    low, high = (_shown(schema.get(key)) for key in ("minimum", "maximum"))
    above = "Greater than" if schema.get("exclusiveMinimum") else "At least"
    if low and high:
        return f"{above} {low}, at most {high}."
    if low and (schema["minimum"] or schema.get("exclusiveMinimum")):
        return f"{above} {low}."
    return f"At most {high}." if high else ""


def _shown(bound: float | None) -> str:
    return "" if bound is None or bound in _SILENT else json.dumps(bound)


def _default(schema: Schema) -> str:
    if "default" not in schema:
        return ""
    value = schema["default"]
    return f"Default: {value if isinstance(value, str) else json.dumps(value)}."
