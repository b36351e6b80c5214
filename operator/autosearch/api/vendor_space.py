"""The vendor's `search_space`: four types of parameter become the API's five.

Owns: what each `htype` becomes and which values it may have. The parameters' order is the file's.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from autosearch.api.base import is_finite
from autosearch.api.parameters import RESERVED_NAMES
from autosearch.api.vendor_fields import MISSING, Keys, shown

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_TYPES = ("choice", "randint", "uniform", "loguniform")
_PAIR = 2
_SAFE_INT = 2**53

Domain = dict[str, Any]


def parameters_of(space: Mapping[str, Any], keys: Keys, notes: list[str]) -> list[dict[str, Any]]:
    """Converts every entry of `search_space`; mistakes go to `keys.problems`, and the entry is left out.

    Returns:
        Parameters as in `spec.parameters` of an AutoSearchJob.
    """
    parameters = []
    for name, entry in space.items():
        path = f"search_space.{name}"
        named = _check_name(name, path, keys)
        domain = _domain(entry, path, keys, notes)
        if named and domain is not None:
            parameters.append({"name": name, **domain})
    return parameters


def _check_name(name: str, path: str, keys: Keys) -> bool:
    if name in {"true", "false"}:
        keys.note(
            path, MISSING, "YAML reads y, n, yes, no, on, off as true or false: write the name in quotes, or rename it"
        )
    elif not _NAME.fullmatch(name):
        keys.note(
            path, name, "a name is at most 63 letters, digits and underscores, no digit first, as in an argparse flag"
        )
    elif name in RESERVED_NAMES:
        keys.note(path, name, "is a flag of the contract itself: choose another name, here and in the script")
    else:
        return True
    return False


def _domain(entry: object, path: str, keys: Keys, notes: list[str]) -> Domain | None:
    if not isinstance(entry, dict):
        keys.note(path, entry, "must be a mapping, as in `{htype: uniform, value: [0, 1]}`")
        return None
    keys.refuse_unknown(entry, ("htype", "value"), path)
    htype = keys.word(entry, "htype", f"{path}.htype", _TYPES)
    values = entry.get("value", MISSING)
    if not isinstance(values, list) or not values:
        keys.note(f"{path}.value", values, "must be a list: all values of a `choice`, `[low, high]` of the others")
        return None
    if htype is None:
        return None
    if htype == "choice":
        return _choice(values, f"{path}.value", keys, notes)
    return _range(htype, values, f"{path}.value", keys)


def _range(htype: str, values: Sequence[Any], path: str, keys: Keys) -> Domain | None:
    whole = htype == "randint"
    if len(values) != _PAIR or not all(_is_number(value, whole) for value in values):
        keys.note(path, values, f"`{htype}` needs two {'whole ' if whole else ''}numbers, `[low, high]`")
        return None
    low, high = (int(value) if whole else float(value) for value in values)
    if low >= high:
        keys.note(path, values, "the first number must be less than the second; a single value is a `choice`")
        return None
    if htype == "loguniform" and low <= 0:
        keys.note(path, values, "`loguniform` needs bounds greater than 0, as in `[0.0001, 0.1]`; with 0 use `uniform`")
        return None
    bounds = {"min": low, "max": high}
    if whole:
        return {"int": bounds}
    return {"float": {**bounds, "scale": "Log"} if htype == "loguniform" else bounds}


def _is_number(value: object, whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not is_finite(value):
        return False
    return not whole or (float(value).is_integer() and abs(value) <= _SAFE_INT)


def _choice(values: Sequence[Any], path: str, keys: Keys, notes: list[str]) -> Domain | None:
    for index, value in enumerate(values):
        if not isinstance(value, str | int | float):
            keys.note(f"{path}[{index}]", value, "a choice is a text, a number, true or false")
            return None
    if all(_is_number(value, whole=False) for value in values):
        return {"discrete": {"values": sorted(values)}} if _unique(values, path, keys) else None
    if all(isinstance(value, bool) for value in values) and len(set(values)) == len(values) == _PAIR:
        return {"boolean": {}}
    texts = [value if isinstance(value, str) else str(value) for value in values]
    if any(not isinstance(value, str) for value in values):
        notes.append(
            f"{path}: has values of several kinds, or one of true and false alone, so all are passed as texts: "
            f"{', '.join(texts)}"
        )
    return {"categorical": {"choices": texts}} if _unique(texts, path, keys) else None


def _unique(values: Sequence[Any], path: str, keys: Keys) -> bool:
    twice = [value for index, value in enumerate(values) if value in values[:index]]
    if twice:
        keys.note(path, values, f"{shown(twice[0])} is given twice: write each value once")
    return not twice
