"""Reading jobs: from documents to objects, with everything that is wrong told at once.

Owns: how a schema's errors become problems that name the field, what was found and what to write instead.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from autosearch.api import rules
from autosearch.api.algorithms import ALGORITHMS, STOPPING_RULES
from autosearch.api.base import Model
from autosearch.api.errors import InvalidInputError, Problem, shown
from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import API_VERSION

_WORDS = {"spec.algorithm": ALGORITHMS, "spec.earlyStopping": STOPPING_RULES}


def parse_job(document: object, *, from_file: bool = True) -> AutoSearchJob:
    """Read an `AutoSearchJob`.

    Args:
        document: the object's JSON form.
        from_file: refuse unknown fields; objects from an API server may have some, because the server may be newer.

    Raises:
        InvalidInputError: with all problems.
    """
    if not isinstance(document, Mapping):
        text = "must be an AutoSearchJob: a mapping with apiVersion, kind, metadata and spec"
        raise InvalidInputError([Problem("document", shown(document), text)])
    unknown = list(_unknown(document, AutoSearchJob, "")) if from_file else []
    job, by_schema = _validated(document)
    problems = _told_once(unknown, by_schema, [*_head(document), *rules.check(document)])
    if problems or job is None:
        raise InvalidInputError(problems)
    return job


def _told_once(unknown: list[Problem], by_schema: list[Problem], by_rule: list[Problem]) -> list[Problem]:
    """Put the problems together, without those that tell the same mistake in other words."""
    holders = {problem.path.rpartition(".")[0] for problem in unknown}
    # `{tpee: {}}` is an unknown field; that there is none of the known ones would only repeat it.
    kept = [p for p in (*by_schema, *by_rule) if not (p.path in holders and p.message.endswith("has none"))]
    # Where a rule has something to say, it knows more than the schema.
    rules_told, ruled = set(by_rule), {problem.path for problem in by_rule}
    kept = [p for p in kept if p in rules_told or p.path not in ruled]
    return list(dict.fromkeys([*unknown, *kept]))


def _head(document: Mapping[str, Any]) -> Iterator[Problem]:
    for key, wanted in (("apiVersion", API_VERSION), ("kind", "AutoSearchJob")):
        if document.get(key) != wanted:
            yield Problem(key, shown(document[key]) if key in document else "", f"must be `{wanted}`")


def _validated(document: Mapping[str, Any]) -> tuple[AutoSearchJob | None, list[Problem]]:
    try:
        return AutoSearchJob.from_dict(document), []
    except ValidationError as error:
        return None, [problem for details in error.errors(include_url=False) for problem in _problems(details)]


def _problems(details: ErrorDetails) -> Iterator[Problem]:
    path = _path(details["loc"])
    if details["type"] == "missing":
        yield Problem(path, "", "is required")
        return
    found = details["input"]
    if isinstance(found, str) and path in _WORDS:
        yield Problem(path, shown(found), _word_hint(path, found))
        return
    text = "" if isinstance(found, Mapping | list) and details["type"] == "value_error" else shown(found)
    for line in _message(details).split("\n"):
        yield Problem(path, text, line)


def _word_hint(path: str, word: str) -> str:
    field = path.rpartition(".")[2]
    close = difflib.get_close_matches(word, _WORDS[path], n=1, cutoff=0.6)
    if close:
        return f"must be an object: write `{field}: {{{close[0]}: {{}}}}`"
    return f"must be an object with exactly one of {', '.join(_WORDS[path])}, such as `{_WORDS[path][0]}: {{}}`"


_TYPES = {
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "string_type": "must be a string; quote it",
    "bool_type": "must be true or false",
    "string_unicode": "must be text that UTF-8 can hold",
    "datetime_type": "must be a time in quotes, such as 2026-01-31T12:00:00Z",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "finite_number": "must be a finite number",
}


_LIMITS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
_SENTENCES = {
    "value_error": "{error}",
    "literal_error": "must be {expected}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "string_pattern_mismatch": "must match {pattern}",
}


def _message(details: ErrorDetails) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind in _SENTENCES:
        return _SENTENCES[kind].format(**context)
    if kind in _LIMITS:
        words, key = _LIMITS[kind]
        return f"must be {words} {context[key]}"
    return _TYPES.get(kind, details["msg"])


def _path(location: Sequence[str | int]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def _unknown(value: object, model: type[Model], path: str) -> Iterator[Problem]:
    """Find fields that the model does not have, below a mapping."""
    if not isinstance(value, Mapping):
        return
    fields = _fields(model)
    for key, child in value.items():
        here = f"{path}.{key}".lstrip(".")
        if key not in fields:
            yield Problem(here, "", _suggestion(str(key), list(fields)))
            continue
        inner = fields[key]
        if inner is None:
            continue
        if not isinstance(child, list):
            yield from _unknown(child, inner, here)
            continue
        for index, item in enumerate(child):
            yield from _unknown(item, inner, f"{here}[{index}]")


def _suggestion(key: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    if not close:
        close = [name for name in known if name.lower() == key.lower()]
    return f"is not a field; did you mean `{close[0]}`?" if close else f"is not a field; known are {', '.join(known)}"


@lru_cache
def _fields(model: type[Model]) -> dict[str, type[Model] | None]:
    """Give the fields by their name on the wire, with the model that each holds alone or in a list; else None."""
    return {field.alias or name: _model_in(field.annotation) for name, field in model.model_fields.items()}


def _model_in(annotation: object) -> type[Model] | None:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation
    if get_origin(annotation) in (Union, UnionType, list):
        return next((model for part in get_args(annotation) if (model := _model_in(part)) is not None), None)
    return None
