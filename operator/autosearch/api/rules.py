"""Rules that span fields: what a schema of single fields cannot say.

Owns: the checks of a whole spec. They read the document as it was written and pass over what is not of the right form,
so that all problems of a file are told at once. The CRD repeats as CEL those that CEL can say.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from autosearch.api.algorithms import ALGORITHMS
from autosearch.api.errors import Problem
from autosearch.api.parameters import Parameter, contains

POPULATION_ALGORITHMS = frozenset({"cmaes", "pso", "pbt"})
NOT_BUILT = frozenset({"gp"})
MAX_NAME = 40
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})
Spec = Mapping[str, Any]


def check(document: Mapping[str, Any]) -> list[Problem]:
    """Give all that is wrong with a job beyond its single fields."""
    problems = list(_name(document))
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
    if isinstance(name, str) and (len(name) > MAX_NAME or "." in name):
        wanted = f"must have at most {MAX_NAME} characters and no dots, because pods are named after it"
        yield Problem("metadata.name", repr(name), wanted)


def _max_trials(spec: Spec) -> Iterator[Problem]:
    algorithm = _algorithm(spec)
    given = spec.get("maxTrials")
    if algorithm in POPULATION_ALGORITHMS and given is not None:
        text = f"must not be used with `{algorithm}`, which runs population x rounds trials; set `rounds` instead"
        yield Problem("spec.maxTrials", str(given), text)
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
            yield Problem(f"spec.parameters[{index}].name", repr(name), "must be unique; it stands in the list twice")


def _grid(spec: Spec) -> Iterator[Problem]:
    if _algorithm(spec) != "grid":
        return
    for index, parameter in enumerate(_list(spec.get("parameters"))):
        floats = _mapping(_mapping(parameter).get("float"))
        if floats and floats.get("step") is None:
            text = "is required with `grid`, which tries every point; or use `discrete: {values: [...]}`"
            yield Problem(f"spec.parameters[{index}].float.step", "", text)


def _initial_trials(spec: Spec) -> Iterator[Problem]:
    items = _list(spec.get("parameters"))
    parameters = [parameter for item in items if (parameter := _parsed(item)) is not None]
    names = {_mapping(item).get("name") for item in items}
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
    elif not contains(parameter, values[parameter.name]):
        yield Problem(path, repr(values[parameter.name]), "must be a value that the parameter's own range allows")


def _parsed(item: object) -> Parameter | None:
    try:
        return Parameter.from_dict(item)
    except ValidationError:
        return None


def _template(spec: Spec) -> Iterator[Problem]:
    if not isinstance(spec.get("template"), Mapping):
        return
    path = "spec.template.spec.containers"
    containers = _list(_mapping(_mapping(spec["template"]).get("spec")).get("containers"))
    if not containers or not all(isinstance(container, Mapping) for container in containers):
        text = "must hold a container: `- {name: trial, image: ..., command: [python, train.py]}`"
        yield Problem(path, "", text)
        return
    index = next((i for i, container in enumerate(containers) if container.get("name") == "trial"), 0)
    yield from _command(spec, containers[index], f"{path}[{index}]")


def _command(spec: Spec, container: Mapping[str, Any], path: str) -> Iterator[Problem]:
    command, args = container.get("command"), container.get("args", [])
    if not command or not _is_words(command):
        text = "must be a list of strings, such as `[python, train.py]`; flags go after its `args`"
        yield Problem(f"{path}.command", "" if command is None else repr(command), text)
    elif not _is_words(args):
        yield Problem(f"{path}.args", repr(args), "must be a list of strings; quote numbers")
    elif spec.get("arguments", "Contract") != "None" and _is_shell_text([*command, *args]):
        text = (
            "a shell with `-c` loses the flags that are appended; write the command as a list, or set "
            "`arguments: None` and use $(AUTOSEARCH_PARAM_name)"
        )
        yield Problem(f"{path}.command", repr(command[:2]), text)


def _is_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _is_shell_text(words: list[str]) -> bool:
    """Say whether a shell is given its script as an argument: `sh -c`, `bash -ec`."""
    shell = words[0].rsplit("/", 1)[-1] in _SHELLS
    return shell and any(word.startswith("-") and word.endswith("c") for word in words[1:])


_RULES: tuple[Callable[[Spec], Iterator[Problem]], ...] = (
    _parameter_names,
    _built,
    _max_trials,
    _early_stopping,
    _grid,
    _initial_trials,
    _output,
    _template,
)
