"""Reading jobs: from documents to objects, with everything that is wrong told at once.

Owns: how a schema's errors become problems that name the field, what was found and what to write instead.
"""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from autosearch.api import rules
from autosearch.api.algorithms import ALGORITHMS, STOPPING_RULES
from autosearch.api.base import Model
from autosearch.api.errors import InvalidInputError, Problem
from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import API_VERSION

_LONGEST_FOUND = 80
_WORDS = {"spec.algorithm": ALGORITHMS, "spec.earlyStopping": STOPPING_RULES}


def parse_job(document: object, *, from_file: bool = True) -> AutoSearchJob:
    """Read an `AutoSearchJob`.

    Args:
        document: the object's JSON form.
        from_file: refuse unknown fields; objects from an API server may have some, because the server may be newer.

    Raises:
        InvalidInputError: with all problems.
    """
    problems = _head(document)
    if problems:
        raise InvalidInputError(problems)
    assert isinstance(document, Mapping)
    unknown = list(_unknown(document, AutoSearchJob, "")) if from_file else []
    job, problems = _validated(document)
    hidden = {problem.path.rpartition(".")[0] for problem in unknown}
    # `{tpee: {}}` is an unknown field; that it is also not exactly one of the known ones would only repeat it.
    problems = [p for p in problems if not (p.path in hidden and "exactly one of" in p.message)]
    problems = [*unknown, *problems, *rules.check(document)]
    if problems or job is None:
        raise InvalidInputError(_once(problems))
    return job


def _once(problems: Sequence[Problem]) -> list[Problem]:
    by_path: dict[str, Problem] = {}
    for problem in problems:
        by_path.setdefault(problem.path, problem)
    return list(by_path.values())


def _head(document: object) -> list[Problem]:
    if not isinstance(document, Mapping):
        text = "must be an AutoSearchJob: a mapping with apiVersion, kind, metadata and spec"
        return [Problem("document", _show(document), text)]
    wanted = {"apiVersion": API_VERSION, "kind": "AutoSearchJob"}
    return [
        Problem(key, _show(document.get(key)), f"must be `{value}`")
        for key, value in wanted.items()
        if document.get(key) != value
    ]


def _validated(document: Mapping[str, Any]) -> tuple[AutoSearchJob | None, list[Problem]]:
    try:
        return AutoSearchJob.from_dict(document), []
    except ValidationError as error:
        return None, [_problem(details) for details in error.errors(include_url=False)]


def _problem(details: ErrorDetails) -> Problem:
    path = _path(details["loc"])
    if details["type"] == "missing":
        return Problem(path, "", "is required")
    found = details["input"]
    if isinstance(found, str) and path in _WORDS:
        return Problem(path, _show(found), _word_hint(path, found))
    shown = "" if isinstance(found, Mapping | list) and details["type"] == "value_error" else _show(found)
    return Problem(path, shown, _message(details))


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


def _show(value: object) -> str:
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_FOUND else f"{text[:_LONGEST_FOUND]}..."


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
