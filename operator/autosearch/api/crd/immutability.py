"""What may change in a job, and when.

Owns: the rules that compare an object with its former self. They stand at the root, because only there both the spec
and the conditions can be seen, and because a rule at a field never sees that the field came or went.
"""

from autosearch.api.algorithms import ALGORITHMS, Cmaes, Pbt, Pso
from autosearch.api.base import Model
from autosearch.api.crd.cel import Rule, Rules
from autosearch.api.job import JobSpec

# Fields of the spec that may change at any time.
FREE = frozenset(
    {
        "suspend",
        "parallelTrials",
        "maxFailedTrials",
        "trialTimeoutSeconds",
        "activeDeadlineSeconds",
        "ttlSecondsAfterFinished",
        "podHistory",
    }
)
_UNTYPED = frozenset({"spec.initialTrials"})
NOTES = {
    "algorithm": "Fixed once the search has started, but for `rounds`, which may grow.",
    "maxTrials": "May only grow once the search has started.",
    "managedBy": "Never changes.",
}
_FREE_NOTE = "May be changed at any time."
_FIXED_NOTE = "Fixed once the search has started."

_STARTED = (
    "has(oldSelf.status) && (has(oldSelf.status.startTime) || (has(oldSelf.status.conditions) && "
    "oldSelf.status.conditions.exists(c, c.type == 'Started' && c.status == 'True')))"
)
_END = (
    "must not change any more (`maxTrials` and `rounds` may only grow); delete the job and create it anew, or create "
    "one of another name"
)


def note(field: str) -> str:
    """Say when a field of the spec may change."""
    return NOTES.get(field, _FREE_NOTE if field in FREE else _FIXED_NOTE)


def _fields() -> list[str]:
    return [field.alias or name for name, field in JobSpec.model_fields.items()]


def _same(path: str) -> str:
    """Give the expression that an optional field is what it was, absent or not."""
    new, old = (f"{_holder(side, path)}.{path.rpartition('.')[2]}" for side in ("self", "oldSelf"))
    return f"has({new}) == has({old}) && (!has({new}) || {new} == {old})"


def _holder(side: str, path: str) -> str:
    holder = f"{side}.{path.rpartition('.')[0]}"
    # CEL knows no type for a list of free values, so that it must look at it without one.
    return f"dyn({holder})" if path in _UNTYPED else holder


def _same_settings(name: str, model: type[Model]) -> str:
    """Compare the settings of a population algorithm but its `rounds`."""
    fields = [field.alias or key for key, field in model.model_fields.items() if key != "rounds"]
    path = f"spec.algorithm.{name}"
    equal = " && ".join(f"({_same(f'{path}.{field}')})" for field in fields)
    return f"has(self.{path}) == has(oldSelf.{path}) && (!has(self.{path}) || ({equal}))"


def _same_algorithm() -> str:
    populations: dict[str, type[Model]] = {"cmaes": Cmaes, "pso": Pso, "pbt": Pbt}
    others = [_same(f"spec.algorithm.{name}") for name in ALGORITHMS if name not in populations]
    settings = [_same_settings(name, model) for name, model in populations.items()]
    return " && ".join(f"({each})" for each in [*others, *settings])


def _not_less(path: str) -> str:
    """Give the expression that a number is not less than it was; where its holder came or went, another one speaks."""
    holder, _, _ = path.rpartition(".")
    there = f"has(self.{holder}) && has(oldSelf.{holder}) && has(self.{path}) && has(oldSelf.{path})"
    return f"!({there}) || self.{path} >= oldSelf.{path}"


def _grows() -> str:
    there = "has(self.spec.maxTrials) == has(oldSelf.spec.maxTrials)"
    return f"{there} && ({_not_less('spec.maxTrials')})"


def _kept() -> dict[str, str]:
    """Give, by field, the expression that it is as it may be."""
    fields = [field.alias or name for name, field in JobSpec.model_fields.items()]
    kept = {name: f"!({_STARTED}) || ({_same(f'spec.{name}')})" for name in fields if name not in FREE}
    kept["algorithm"] = f"!({_STARTED}) || ({_same_algorithm()})"
    kept["maxTrials"] = f"!({_STARTED}) || ({_grows()})"
    for name in ("cmaes", "pso", "pbt"):
        kept[f"algorithm.{name}.rounds"] = f"!({_STARTED}) || ({_not_less(f'spec.algorithm.{name}.rounds')})"
    kept["managedBy"] = _same("spec.managedBy")
    return kept


def rules() -> Rules:
    """Give the rule, at the root.

    It is a single one that tells the fields by an expression, and looks at them only where the spec is another than
    before: the API server evaluates it at every write of a status, where each field would cost it 0.4 ms of CPU.
    """
    kept = _kept()
    names = " + ".join(f"({same} ? '' : '`{name}` ')" for name, same in kept.items())
    rule = Rule(
        "self.spec == oldSelf.spec || (" + " && ".join(f"({same})" for same in kept.values()) + ")",
        f"the `spec` {_END}",
        path=".spec",
        reason="FieldValueForbidden",
        found=f"{names} + '{_END}'",
    )
    return {"": [rule]}
