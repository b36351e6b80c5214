"""The keys of the vendor's YAML: their ranges, their defaults, and reading them with every mistake noted.

Owns: the tables of the vendor's ranges (docs/vendor-yaml.md) and the `Keys` that reads a mapping against them. Must
never decide what a value becomes in an AutoSearchJob: that is `vendor`'s and `vendor_space`'s.
"""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from autosearch.api.base import is_finite
from autosearch.api.errors import Problem


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers that a key may hold.

    Attributes:
        low: least value.
        high: greatest value, itself allowed.
        whole: integers only.
        open_low: `low` itself is not allowed.
    """

    low: float
    high: float
    whole: bool = False
    open_low: bool = False

    def holds(self, value: object) -> bool:
        """Say whether a value is a number of this range; true and false are no numbers, 5.0 is a whole one."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not is_finite(value):
            return False
        if self.whole and not float(value).is_integer():
            return False
        return (self.low < value or (value == self.low and not self.open_low)) and value <= self.high

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        if self.high == math.inf:
            return kind if self.low == -math.inf else f"{kind} of at least {self.low:g}"
        return f"{kind} in {'(' if self.open_low else '['}{self.low:g}, {self.high:g}]"


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of `search_strategy.params`: where its value goes, what it may be, what it is when absent.

    `target` is a field of the algorithm's settings, or `parallelTrials` of the spec itself.
    """

    target: str
    range: Range
    default: float


@dataclass(frozen=True, slots=True)
class Strategy:
    """One of the vendor's five algorithms.

    Attributes:
        name: its name in an AutoSearchJob.
        settings: the keys of `params`.
        counted: its number of trials is `max_trial_num`; else it is `population_num * round`.
    """

    name: str
    settings: Mapping[str, Setting]
    counted: bool


_POPULATION = {
    "population_num": Setting("population", Range(1, 10, whole=True), 8),
    "round": Setting("rounds", Range(5, 50, whole=True), 10),
}
_HALF = Range(0, 0.5, open_low=True)
_FOUR = Range(0, 4, open_low=True)
STRATEGIES: Mapping[str, Strategy] = {
    "RANDOM_SEARCH": Strategy("random", {}, counted=True),
    "TPE_SEARCH": Strategy(
        "tpe",
        {
            "n_startup_points": Setting("startupTrials", Range(1, 20, whole=True), 5),
            "max_concurrent": Setting("parallelTrials", Range(1, 20, whole=True), 5),
        },
        counted=True,
    ),
    "PBT_SEARCH": Strategy(
        "pbt",
        {
            **_POPULATION,
            "perturb_interval": Setting("perturbInterval", Range(1, 20, whole=True), 10),
            "quantile_frac": Setting("quantile", _HALF, 0.5),
            "explore_prob": Setting("exploreProbability", _HALF, 0.25),
        },
        counted=False,
    ),
    "CMAES_SEARCH": Strategy(
        "cmaes",
        {**_POPULATION, "step_size": Setting("stepSize", Range(0, 10, open_low=True), 1.0)},
        counted=False,
    ),
    "PARTICLE_SEARCH": Strategy(
        "pso",
        {
            **_POPULATION,
            "inertia_weight": Setting("inertia", Range(0, 1, open_low=True), 0.5),
            "global_acceleration": Setting("globalAcceleration", _FOUR, 1.5),
            "local_acceleration": Setting("localAcceleration", _FOUR, 1.5),
        },
        counted=False,
    ),
}
TOP_KEYS = ("search_strategy", "data_sampling_scale", "max_trial_num", "metrics", "search_space")
SAMPLING = Range(0, 100, whole=True, open_low=True)
# The upper end is the AutoSearchJob's own; the vendor gives none.
MAX_TRIALS = Range(1, 100_000, whole=True)
EXPECTED = Range(-math.inf, math.inf, whole=True)
DEFAULT_MAX_TRIALS = 10
DEFAULT_PARALLEL = 5


@dataclass
class Keys:
    """Reads mappings and notes every mistake in `problems`; a mistaken value reads as None or as its default."""

    problems: list[Problem] = field(default_factory=list)

    def note(self, path: str, found: object, message: str) -> None:
        """Note one mistake; `found` is the value as read, or MISSING."""
        self.problems.append(Problem(path, "" if found is MISSING else shown(found), message))

    def mapping(
        self, parent: Mapping[str, Any], key: str, path: str, known: Iterable[str] | None
    ) -> dict[str, Any] | None:
        """Give the mapping under a required key, its unknown keys noted; None when it is missing or no mapping."""
        value = parent.get(key, MISSING)
        if not isinstance(value, dict):
            expected = f"with the keys {', '.join(known)}" if known else "of parameter names"
            self.note(path, value, f"is required and must be a mapping {expected}")
            return None
        if known is not None:
            self.refuse_unknown(value, tuple(known), path)
        return value

    def refuse_unknown(self, mapping: Mapping[str, Any], known: tuple[str, ...], path: str) -> None:
        """Note each key that is none of `known`, with the nearest one."""
        for key in mapping:
            if key not in known:
                where = f"{path}.{key}" if path else key
                self.note(where, MISSING, f"unknown key; {_advice(key, known)}")

    def number(self, mapping: Mapping[str, Any], key: str, path: str, allowed: Range, default: float | None) -> Any:
        """Give a number of a range: an int where the range is whole; the default when absent or wrong."""
        if key not in mapping:
            return default
        value = mapping[key]
        if not allowed.holds(value):
            self.note(path, value, f"must be {allowed}")
            return default
        return int(value) if allowed.whole else float(value)

    def word(self, mapping: Mapping[str, Any], key: str, path: str, allowed: tuple[str, ...]) -> str | None:
        """Give one of some words, which are case-sensitive; None when it is missing or another."""
        value = mapping.get(key, MISSING)
        if value in allowed:
            return str(value)
        near = difflib.get_close_matches(str(value).upper(), [word.upper() for word in allowed], 1)
        hint = next((f"; did you mean `{word}`?" for word in allowed if [word.upper()] == near), "")
        self.note(path, value, f"must be one of {', '.join(allowed)}{hint if value is not MISSING else ''}")
        return None


class _Missing:
    """A key that is not there, which is another thing than a null."""


MISSING = _Missing()


def shown(value: object) -> str:
    """A value as the user would write it in YAML, shortened."""
    words = {True: "true", False: "false", None: "null"}
    text = words[value] if isinstance(value, bool) or value is None else repr(value) if value != "" else '""'
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


_SHOWN = 80


def _advice(key: str, known: tuple[str, ...]) -> str:
    if key == "max_trial_num":
        return "`max_trial_num` is written at the top level of the file"
    near = difflib.get_close_matches(key, known, 1)
    if near:
        return f"did you mean `{near[0]}`?"
    return f"known here: {', '.join(known)}" if known else "no key is known here: remove it"
