"""The rules of a job that span fields, as CEL: what `autosearch.api.rules` says, at `kubectl apply`.

Owns: the rules of `spec` but those of its template. What CEL cannot say (the size of a grid, the values of initial
trials) stays with `autosearch.api.rules`, which the operator applies again.
"""

from collections.abc import Sequence

from autosearch.api.algorithms import ALGORITHMS, STOPPING_RULES
from autosearch.api.crd.cel import Rule, Rules, exactly_one
from autosearch.api.parameters import KINDS, RESERVED_NAMES
from autosearch.api.rules import MAX_NAME, NOT_BUILT, POPULATION_ALGORITHMS

_LARGEST = "1.7976931348623157e308"
_POPULATIONS = [name for name in ALGORITHMS if name in POPULATION_ALGORITHMS]
_OTHERS = [name for name in ALGORITHMS if name not in POPULATION_ALGORITHMS and name != "grid"]


def _any_of(names: Sequence[str]) -> str:
    return "(" + " || ".join(f"has(self.algorithm.{name})" for name in names) + ")"


def _range(least: str, zero: str) -> list[Rule]:
    """Give the rules of a range; `zero` is written as CEL wants it for the type."""
    return [
        Rule(
            "self.min < self.max",
            "`min` must be less than `max`",
        ),
        Rule(
            f"self.scale != 'Log' || self.min > {zero}",
            f"with `scale: Log`, `min` must be {least}; use `scale: Linear` for a range with 0",
            path=".min",
        ),
        Rule(
            "self.scale != 'Log' || !has(self.step)",
            "`step` must not be used with `scale: Log`; leave out one of the two",
            path=".step",
            reason="FieldValueForbidden",
        ),
        Rule(
            "self.scale == 'Log' || self.min >= self.max || !has(self.step) || self.step <= self.max - self.min",
            "`step` must not be greater than `max` - `min`",
            path=".step",
        ),
    ]


_FLOAT = [
    *_range("greater than 0", "0.0"),
    Rule(
        f"self.max - self.min <= {_LARGEST}",
        "`max` - `min` must be a finite number; use a narrower range",
    ),
    Rule(
        "!has(self.step) || self.min >= self.max || (self.max - self.min) / self.step <= 9007199254740992.0",
        "`step` must be greater, it gives more than 2^53 values; leave it out for all of them",
        path=".step",
    ),
]

# The API server ends a rule that takes too many steps: what is larger than this is left to the operator.
_MANY = (
    "!has(dyn(self).initialTrials) || "
    "dyn(self).initialTrials.size() * self.parameters.size() * self.parameters.size() > 20000"
)
_SPEC = [
    Rule(
        f"!{_any_of(_POPULATIONS)} || !has(self.maxTrials)",
        f"`maxTrials` must not be used with {', '.join(_POPULATIONS)}, which run population x rounds trials; "
        "leave it out and set `rounds` instead",
        path=".maxTrials",
        reason="FieldValueForbidden",
    ),
    Rule(
        f"!{_any_of(_OTHERS)} || has(self.maxTrials)",
        "`maxTrials` is required unless the algorithm is `grid` or works in rounds: how many trials to run, such as "
        "`maxTrials: 40`",
        path=".maxTrials",
        reason="FieldValueRequired",
    ),
    Rule(
        f"!has(self.earlyStopping) || !{_any_of(_POPULATIONS)}",
        f"`earlyStopping` must not be used with {', '.join(_POPULATIONS)}, whose rounds need every member; "
        "leave it out",
        path=".earlyStopping",
        reason="FieldValueForbidden",
    ),
    Rule(
        "!has(self.algorithm.pbt) || has(self.output)",
        "`output` is required with `pbt`: the volume over which checkpoints are handed on, such as "
        "`output: {volume: {persistentVolumeClaim: {claimName: results}}}`",
        path=".output",
        reason="FieldValueRequired",
    ),
    Rule(
        "self.retryFrom != 'LastCheckpoint' || has(self.algorithm.pbt) || has(self.output)",
        "`output` is required with `retryFrom: LastCheckpoint`: the volume that holds the checkpoints, such as "
        "`output: {volume: {persistentVolumeClaim: {claimName: results}}}`",
        path=".output",
        reason="FieldValueRequired",
    ),
    Rule(
        "!has(self.algorithm.grid) || self.parameters.all(p, !has(p.float) || has(p.float.step))",
        "each `float` must have a `step` with `grid`, which tries every point; or use `discrete: {values: [...]}`",
        path=".parameters",
    ),
    # CEL knows no type for a list of free values, so that it must look at it without one.
    Rule(
        f"{_MANY} || dyn(self).initialTrials.all(t, self.parameters.all(p, p.name in t))",
        "each initial trial must have a value for every parameter",
        path=".initialTrials",
    ),
    Rule(
        f"{_MANY} || dyn(self).initialTrials.all(t, t.all(name, self.parameters.exists(p, p.name == name)))",
        "each name in an initial trial must be one of `parameters`; remove or rename the others",
        path=".initialTrials",
    ),
]

_NAME = Rule(
    f"size(self.metadata.name) <= {MAX_NAME} && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
    f"`metadata.name` must have at most {MAX_NAME} characters: lower-case letters, digits and dashes, a letter or "
    "digit first and last; pods are named after it",
    path=".metadata.name",
)
_NAMES = ", ".join(f"'{name}'" for name in sorted(RESERVED_NAMES))

RULES: Rules = {
    "": [_NAME],
    "spec": _SPEC,
    "spec.algorithm": [
        exactly_one(ALGORITHMS, "tpe: {}"),
        *(
            Rule(
                f"!has(self.{name})",
                f"`{name}` is not built yet; write `tpe: {{}}`, which searches in its place",
                path=f".{name}",
            )
            for name in sorted(NOT_BUILT)
        ),
    ],
    "spec.earlyStopping": [exactly_one(STOPPING_RULES, "median: {}")],
    "spec.earlyStopping.hyperband": [
        Rule(
            "self.maxResource > self.minResource",
            "`maxResource` must be greater than `minResource`",
            path=".maxResource",
        )
    ],
    "spec.earlyStopping.threshold": [
        Rule("has(self.lower) || has(self.upper)", "must have `lower`, `upper` or both"),
        Rule(
            "!has(self.lower) || !has(self.upper) || self.lower < self.upper",
            "`lower` must be less than `upper`",
        ),
    ],
    "spec.parameters[]": [exactly_one(KINDS, "float: {min: 0, max: 1}")],
    "spec.parameters[].name": [
        Rule(
            f"!(self in [{_NAMES}])",
            f"must not be a flag of the contract itself ({', '.join(sorted(RESERVED_NAMES))}); choose another name, "
            "here and in the script",
        )
    ],
    "spec.parameters[].float": _FLOAT,
    "spec.parameters[].int": _range("1 or more", "0"),
    "spec.parameters[].discrete": [
        Rule("self.values.isSorted()", "`values` must be in increasing order, each once", path=".values")
    ],
}
