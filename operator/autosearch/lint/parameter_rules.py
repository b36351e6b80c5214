"""Does a flag read the values that a searched parameter will pass?

Owns: rules AS004 to AS008 and AS015 for one parameter and its flag. Values are passed as texts: `5`, `0.5`, `rbf`,
`True`.
"""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from autosearch.lint.flags import ABSENT, UNKNOWN, Flag
from autosearch.lint.rules import Finding, finding
from autosearch.lint.script import Declared, Place, Script

KINDS = ("float", "int", "discrete", "categorical", "boolean")
_BOOLEAN_TYPE = 'lambda text: text == "True"'
_BOOLEAN_FIX = f'write `type={_BOOLEAN_TYPE}`, or take the text with `choices=["True", "False"]` and compare it'
_MOST_CHOICES = 10_000


def check_parameter(script: Script, parameter: Mapping[str, Any]) -> Iterator[Finding]:
    """Check one parameter, given as in `spec.parameters`."""
    name = str(parameter["name"])
    kind = next(kind for kind in KINDS if parameter.get(kind) is not None)
    declared = script.flags.get(name)
    if declared is None:
        yield from _missing(script, name, _fitting_type(kind, parameter[kind]))
        return
    flag, place = declared.flag, declared.place
    if (problem := one_value(name, flag, place)) is not None:
        yield problem
        return
    yield from _check_type(name, kind, parameter[kind], flag, place)
    yield from _check_choices(name, kind, parameter[kind], flag, place)
    if not script.reads(flag.dest) and not script.arguments_leave:
        yield finding(
            "AS015",
            place,
            f"`--{name}` is searched, but `args.{flag.dest}` is never read",
            f"use `args.{flag.dest}` in the training, or take `{name}` out of the search",
            "warning",
        )


def one_value(name: str, flag: Flag, place: Place) -> Finding | None:
    """Check that a flag takes the one value it is passed (AS008)."""
    fix = f'write `add_argument("--{name}", type=...)` without `action` and `nargs`'
    if flag.takes_no_value:
        return finding("AS008", place, f"`--{name}=value` is passed, but `action={flag.action}` takes no value", fix)
    if flag.gives_list:
        return finding("AS008", place, f"`--{name}` has one value, but the script would see a list", fix)
    return None


def _fitting_type(kind: str, domain: Mapping[str, Any]) -> str:
    if kind == "boolean":
        return _BOOLEAN_TYPE
    if kind == "categorical":
        return "str"
    whole = kind == "int" or (kind == "discrete" and all(float(value).is_integer() for value in domain["values"]))
    return "int" if whole else "float"


def _missing(script: Script, name: str, wanted: str) -> Iterator[Finding]:
    if script.hidden_flags:
        return
    dashed = name.replace("_", "-")
    if dashed in script.flags and dashed != name:
        place = script.flags[dashed].place
        yield finding("AS004", place, f"`--{dashed}` is declared, but `--{name}` is passed", f"write `--{name}`")
        return
    near = difflib.get_close_matches(name, script.flags, 1)
    hint = f" (there is `--{near[0]}`: names must be the same)" if near else ""
    consequence = "the script would end with exit code 2" if script.is_strict else "its value would be ignored"
    yield finding(
        "AS004",
        first_place(script),
        f"`--{name}` is searched but not declared{hint}: {consequence}",
        f'write `parser.add_argument("--{name}", type={wanted})`',
    )


def first_place(script: Script) -> Place:
    """Where to show what is missing from a parser: at its last flag."""
    return script.declared[-1].place if script.declared else Place(1)


def _check_type(name: str, kind: str, domain: Mapping[str, Any], flag: Flag, place: Place) -> Iterator[Finding]:
    if flag.type is UNKNOWN or flag.action is UNKNOWN:
        return
    if flag.type == "bool":
        fix = _BOOLEAN_FIX if kind == "boolean" else f"write `type={_fitting_type(kind, domain)}`"
        yield _bool_trap(name, place, fix)
    elif kind == "boolean":
        yield from _boolean(name, flag, place)
    elif kind == "categorical":
        yield from _text(name, domain, flag, place)
    else:
        yield from _number(name, kind, domain, flag, place)


def _bool_trap(name: str, place: Place, fix: str) -> Finding:
    return finding("AS007", place, f'`--{name}` has `type=bool`, and `bool("False")` is True, as of every text', fix)


def _boolean(name: str, flag: Flag, place: Place) -> Iterator[Finding]:
    if flag.type in {"int", "float"}:
        yield finding("AS005", place, f"`--{name}` has `type={flag.type}`, but is passed True or False", _BOOLEAN_FIX)
    elif flag.choices is ABSENT:
        message = f'`--{name}` is read as a text, and the text "False" counts as true in an `if`'
        yield finding("AS005", place, message, _BOOLEAN_FIX, "warning")


def _text(name: str, domain: Mapping[str, Any], flag: Flag, place: Place) -> Iterator[Finding]:
    if flag.type == "str":
        return
    for choice in domain["choices"]:
        if _converted(choice, flag.type) is None:
            message = f"`--{name}` has `type={flag.type}`, but is passed texts such as `{choice}`"
            yield finding("AS005", place, message, "write `type=str`")
            return


def _number(name: str, kind: str, domain: Mapping[str, Any], flag: Flag, place: Place) -> Iterator[Finding]:
    wanted = _fitting_type(kind, domain)
    if flag.type == "int" and wanted == "float":
        example = "0.5" if kind == "float" else next(v for v in domain["values"] if not float(v).is_integer())
        message = f"`--{name}` has `type=int`, which refuses values such as {example}"
        yield finding("AS005", place, message, "write `type=float`")
    elif flag.type == "str":
        message = f"`--{name}` is read as a text, but is a number"
        yield finding("AS005", place, message, f"write `type={wanted}`", "warning")
    elif flag.type == "float" and kind == "int":
        message = f"`--{name}` is a whole number, but is read as a float: `range(5.0)` is an error"
        yield finding("AS005", place, message, "write `type=int`", "warning")


def _check_choices(name: str, kind: str, domain: Mapping[str, Any], flag: Flag, place: Place) -> Iterator[Finding]:
    if flag.choices is ABSENT or flag.choices is UNKNOWN or flag.type is UNKNOWN or flag.type == "bool":
        return
    refused = [text for text in _texts(kind, domain) if _converted(text, flag.type) not in flag.choices]
    if kind == "float" or refused:
        shown = ", ".join(refused[:3]) or "most values"
        message = f"`choices` of `--{name}` refuses {shown}, which will be passed"
        yield finding("AS006", place, message, "list every value that is searched, or leave `choices` out")


def _texts(kind: str, domain: Mapping[str, Any]) -> list[str]:
    """The texts that may be passed, as far as they can be listed."""
    if kind == "boolean":
        return ["True", "False"]
    if kind == "categorical":
        return [str(choice) for choice in domain["choices"]]
    if kind == "discrete":
        return [str(int(value)) if float(value).is_integer() else repr(value) for value in domain["values"]]
    if kind == "float":
        return []
    values = range(int(domain["min"]), int(domain["max"]) + 1, int(domain.get("step") or 1))
    return [str(value) for value in values[:_MOST_CHOICES]]


def _converted(text: str, kind: str) -> Any:
    try:
        return {"int": int, "float": float}.get(kind, str)(text)
    except ValueError:
        return None


def check_bool_traps(script: Script, searched: set[str]) -> Iterator[Finding]:
    """Point at `type=bool` of flags that are not searched, or of which nothing is known."""
    for declared in script.declared:
        if declared.flag.type == "bool" and not searched.intersection(_names(declared)):
            yield _as_warning(_bool_trap(_names(declared)[-1], declared.place, _BOOLEAN_FIX))


def _names(declared: Declared) -> list[str]:
    return [option.lstrip("-") for option in declared.flag.options]


def _as_warning(found: Finding) -> Finding:
    return Finding(found.rule_id, found.line, found.message, found.fix, "warning")
