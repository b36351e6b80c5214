"""Rules that span fields: what a schema of single fields cannot say.

Owns: the checks of a whole spec. They read the document as it was written and pass over what is not of the right form,
so that all problems of a file are told at once. The CRD repeats as CEL those that CEL can say.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from autosearch.api import template_rules
from autosearch.api.algorithms import ALGORITHMS, STOPPING_RULES
from autosearch.api.base import Scalar, is_finite, not_exactly_one
from autosearch.api.errors import Problem, shown
from autosearch.api.job import MAX_TRIALS
from autosearch.api.parameters import KINDS, Parameter, contains, value_count

POPULATION_ALGORITHMS = frozenset({"cmaes", "pso", "pbt"})
NOT_BUILT = frozenset({"gp"})
MAX_NAME = 40
_JOB_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
# Sizes up to here are written out.
_READABLE = 10**15
Spec = Mapping[str, Any]


def check(document: Mapping[str, Any]) -> list[Problem]:
    """Give all that is wrong with a job beyond its single fields."""
    problems = [*_name(document), *_unsayable(document, "")]
    spec = document.get("spec")
    if isinstance(spec, Mapping):
        for rule in _RULES:
            problems.extend(rule(spec))
    return problems


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _algorithm(spec: Spec) -> str:
    given = [name for name in _mapping(spec.get("algorithm", {"auto": {}})) if name in ALGORITHMS]
    return given[0] if len(given) == 1 else ""


def _name(document: Mapping[str, Any]) -> Iterator[Problem]:
    name = _mapping(document.get("metadata")).get("name")
    if isinstance(name, str) and (len(name) > MAX_NAME or not _JOB_NAME.fullmatch(name)):
        wanted = (
            f"must have at most {MAX_NAME} characters: lower-case letters, digits and dashes, a letter or digit first "
            "and last; pods are named after it"
        )
        yield Problem("metadata.name", shown(name), wanted)


def _unsayable(value: object, path: str) -> Iterator[Problem]:
    """Find what JSON cannot hold, and the one character that no command line and no environment can carry."""
    if isinstance(value, str) and "\0" in value:
        yield Problem(path, shown(value), "must not hold the character NUL")
    elif isinstance(value, float) and not is_finite(value):
        yield Problem(path, shown(value), "must be a finite number")
    elif isinstance(value, Mapping):
        for key, child in value.items():
            yield from _unsayable(child, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _unsayable(child, f"{path}[{index}]")


def _one_of_each_union(spec: Spec) -> Iterator[Problem]:
    unions: list[tuple[str, object, Sequence[str]]] = [
        ("spec.algorithm", spec.get("algorithm"), ALGORITHMS),
        ("spec.earlyStopping", spec.get("earlyStopping"), STOPPING_RULES),
    ]
    unions += [(f"spec.parameters[{i}]", item, KINDS) for i, item in enumerate(_list(spec.get("parameters")))]
    for path, value, names in unions:
        if isinstance(value, Mapping):
            wrong = not_exactly_one(names, [name for name in names if value.get(name) is not None])
            if wrong:
                yield Problem(path, "", wrong)


def _max_trials(spec: Spec) -> Iterator[Problem]:
    algorithm = _algorithm(spec)
    given = spec.get("maxTrials")
    if algorithm in POPULATION_ALGORITHMS and given is not None:
        text = f"must not be used with `{algorithm}`, which runs population x rounds trials; set `rounds` instead"
        yield Problem("spec.maxTrials", shown(given), text)
    elif algorithm and algorithm not in POPULATION_ALGORITHMS and algorithm != "grid" and given is None:
        text = f"is required with `{algorithm}`: how many trials to run, such as `maxTrials: 40`"
        yield Problem("spec.maxTrials", "", text)


def _built(spec: Spec) -> Iterator[Problem]:
    algorithm = _algorithm(spec)
    if algorithm in NOT_BUILT:
        text = "is not built yet; write `tpe: {}`, which searches in its place"
        yield Problem("spec.algorithm", f"`{algorithm}`", text)


def _early_stopping(spec: Spec) -> Iterator[Problem]:
    algorithm = _algorithm(spec)
    if spec.get("earlyStopping") is not None and algorithm in POPULATION_ALGORITHMS:
        text = f"must not be used with `{algorithm}`, whose rounds need every member"
        yield Problem("spec.earlyStopping", "", text)


def _output(spec: Spec) -> Iterator[Problem]:
    if spec.get("output") is not None:
        return
    if _algorithm(spec) == "pbt":
        yield Problem("spec.output", "", "is required with `pbt`: the volume over which checkpoints are handed on")
    elif spec.get("retryFrom") == "LastCheckpoint":
        text = "is required with `retryFrom: LastCheckpoint`: the volume that holds the checkpoints"
        yield Problem("spec.output", "", text)


def _parameter_names(spec: Spec) -> Iterator[Problem]:
    names = [_mapping(parameter).get("name") for parameter in _list(spec.get("parameters"))]
    counts = Counter(name for name in names if isinstance(name, str))
    for index, name in enumerate(names):
        if isinstance(name, str) and counts[name] > 1 and name in names[:index]:
            yield Problem(f"spec.parameters[{index}].name", shown(name), "must be unique; it stands in the list twice")


def _grid(spec: Spec) -> Iterator[Problem]:
    if _algorithm(spec) != "grid":
        return
    for index, parameter in enumerate(_list(spec.get("parameters"))):
        floats = _mapping(_mapping(parameter).get("float"))
        if floats and floats.get("step") is None:
            text = "is required with `grid`, which tries every point; or use `discrete: {values: [...]}`"
            yield Problem(f"spec.parameters[{index}].float.step", "", text)
    if spec.get("maxTrials") is None:
        yield from _grid_size(spec)


def _grid_size(spec: Spec) -> Iterator[Problem]:
    parameters = [_parsed(item) for item in _list(spec.get("parameters"))]
    counts = [None if parameter is None else value_count(parameter) for parameter in parameters]
    size = 0 if None in counts else math.prod(count for count in counts if count is not None)
    if size > MAX_TRIALS:
        points = f"{size:,}" if size < _READABLE else f"about 10^{len(str(size)) - 1}"
        text = f"is required with a `grid` of {points} points, more than {MAX_TRIALS:,}: how many of them to try"
        yield Problem("spec.maxTrials", "", text)


def _initial_trials(spec: Spec) -> Iterator[Problem]:
    items = _list(spec.get("parameters"))
    parameters = [parameter for item in items if (parameter := _parsed(item)) is not None]
    names = [_mapping(item).get("name") for item in items]
    for index, values in enumerate(_list(spec.get("initialTrials"))):
        path = f"spec.initialTrials[{index}]"
        for parameter in parameters:
            yield from _initial_value(parameter, _mapping(values), f"{path}.{parameter.name}")
        for name in _mapping(values):
            if name not in names:
                yield Problem(f"{path}.{name}", "", "is not one of spec.parameters")


def _initial_value(parameter: Parameter, values: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if parameter.name not in values:
        yield Problem(path, "", "is missing: each initial trial has a value for every parameter")
        return
    value = values[parameter.name]
    # What is no scalar is the schema's to tell, what is not finite another rule's.
    said = not isinstance(value, Scalar) or (isinstance(value, float) and not is_finite(value))
    if not said and not contains(parameter, value):
        yield Problem(path, shown(value), "must be a value that the parameter's own range allows")


def _parsed(item: object) -> Parameter | None:
    try:
        return Parameter.from_dict(item)
    except ValidationError:
        return None


def _template(spec: Spec) -> Iterator[Problem]:
    yield from template_rules.check(spec.get("template"), spec.get("arguments", "Contract"))


_RULES: tuple[Callable[[Spec], Iterator[Problem]], ...] = (
    _one_of_each_union,
    _parameter_names,
    _built,
    _max_trials,
    _early_stopping,
    _grid,
    _initial_trials,
    _output,
    _template,
)
