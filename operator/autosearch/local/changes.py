"""Whether a command goes on with the search that its output directory holds.

Owns: which fields of a started search may change. It compares and refuses, and touches no file.
"""

import json
from typing import Any

from autosearch.api.errors import StateConflictError
from autosearch.api.job import AutoSearchJob
from autosearch.api.meta import is_true

_FREE = frozenset(
    {
        "suspend",
        "parallelTrials",
        "activeDeadlineSeconds",
        "trialTimeoutSeconds",
        "ttlSecondsAfterFinished",
        "maxFailedTrials",
        "podHistory",
    }
)
# What may grow while a search goes on.
_BUDGET = frozenset({"maxTrials", "algorithm"})
_SHOWN = 120


def continued(old: AutoSearchJob, wanted: AutoSearchJob) -> AutoSearchJob:
    """Give the old search with what the wanted spec changes.

    Raises:
        StateConflictError: naming the first field that may not change, with both values.
    """
    if old.name != wanted.name:
        raise _conflict("metadata.name", old.name, wanted.name)
    before, after = old.spec.to_dict(), wanted.spec.to_dict()
    finished = is_true(old.status.conditions, "Finished")
    for field in sorted(before.keys() | after.keys()):
        values = before.get(field), after.get(field)
        _check_field(field, *values)
        if finished and field in _BUDGET and values[0] != values[1]:
            raise StateConflictError(
                f"spec.{field}: the search in this output directory is finished with {_text(values[0])}; for "
                f"{_text(values[1])}, give another --output"
            )
    if before == after or finished:
        return old
    generation = (old.metadata.generation or 1) + 1
    return old.replace(spec=wanted.spec, metadata=old.metadata.replace(generation=generation))


def _check_field(field: str, before: Any, after: Any) -> None:
    if before == after or field in _FREE:
        return
    if field == "maxTrials" and _grows(before, after):
        return
    if field == "algorithm":
        _check_algorithm(before, after)
        return
    raise _conflict(f"spec.{field}", before, after)


def _check_algorithm(before: dict[str, Any], after: dict[str, Any]) -> None:
    if before.keys() != after.keys():
        raise _conflict("spec.algorithm", before, after)
    for name, settings in before.items():
        for setting in sorted(settings.keys() | after[name].keys()):
            pair = settings.get(setting), after[name].get(setting)
            if pair[0] != pair[1] and not (setting == "rounds" and _grows(*pair)):
                raise _conflict(f"spec.algorithm.{name}.{setting}", *pair)


def _grows(before: Any, after: Any) -> bool:
    return isinstance(before, int) and isinstance(after, int) and after > before


def _conflict(field: str, before: Any, after: Any) -> StateConflictError:
    rule = "can only grow" if field.endswith(("maxTrials", "rounds")) else "cannot change"
    return StateConflictError(
        f"{field}: found {_text(after)}, the search in this output directory has {_text(before)}, and it "
        f"{rule}: use another --output for a new search, or restore the value to go on with the old one"
    )


def _text(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
