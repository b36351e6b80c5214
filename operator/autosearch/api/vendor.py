"""The vendor's YAML (`search_strategy`, `search_space`, ...) becomes an AutoSearchJob.

Owns: recognising such a document and converting it, with notes on what was assumed. Ranges are enforced as the vendor
gives them. Must never touch what is not the search's: template and volumes come from the base, or are placeholders.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autosearch.api.errors import InvalidInputError, Problem, shown
from autosearch.api.template_rules import trial_container
from autosearch.api.vendor_fields import (
    DEFAULT_MAX_TRIALS,
    DEFAULT_PARALLEL,
    EXPECTED,
    MAX_TRIALS,
    MISSING,
    SAMPLING,
    STRATEGIES,
    TOP_KEYS,
    Keys,
    Strategy,
)
from autosearch.api.vendor_space import parameters_of

PLACEHOLDER_IMAGE = "autosearch.dev/replace-me:local"
PLACEHOLDER_CLAIM = "replace-me"
DEFAULT_COMMAND = ("python", "train.py")
# The vendor's scripts may write beside their data: one of its demos unpacks archives there.
DATA_ACCESS = "PrivateCopy"
_DIRECTIONS = {"MAXIMIZE": "Maximize", "MINIMIZE": "Minimize"}
# What the vendor's file decides; the rest of a base's spec is kept. The last two cannot be said in a vendor's file, and
# what a base says there was written for another search.
_SEARCH_FIELDS = ("objective", "parameters", "algorithm", "maxTrials", "dataSamplingPercent")
_DROPPED_FIELDS = ("earlyStopping", "initialTrials")
_LONGEST_METRIC = 63


@dataclass(frozen=True, slots=True)
class Conversion:
    """A converted document.

    Attributes:
        manifest: an AutoSearchJob as a plain dict.
        notes: what was assumed or needs the user's eye, one sentence each.
    """

    manifest: dict[str, Any]
    notes: list[str]


def is_vendor(document: Mapping[str, Any]) -> bool:
    """Say whether a document has the vendor's form: its main keys, and no `apiVersion`."""
    return "apiVersion" not in document and ("search_strategy" in document or "search_space" in document)


def convert(
    document: Mapping[str, Any],
    *,
    name: str,
    base: Mapping[str, Any] | None = None,
    command: Sequence[str] | None = None,
) -> Conversion:
    """Converts the vendor's document.

    Args:
        document: as read from the file.
        name: the job's name; a base's own name is kept.
        base: an AutoSearchJob that has the template and the volumes; its search is replaced.
        command: what starts the script; overrides the base's. Absent without a base: `python train.py`.

    Raises:
        InvalidInputError: all that is wrong with the document and with the base's outline, each with key, value and
            range.
    """
    reading = _Reading(document)
    search = reading.search()
    spec = _completed(search, reading.notes) if base is None else _merged(base, search, reading)
    if base is not None and not isinstance(base.get("metadata", {}), dict):
        reading.keys.problems.append(Problem("base.metadata", shown(base["metadata"]), "must be a mapping"))
    if reading.keys.problems:
        raise InvalidInputError(reading.keys.problems)
    _set_command(spec, command, reading.notes, has_base=base is not None)
    metadata = {"name": name} if base is None else {"name": name, **base.get("metadata", {})}
    manifest = {"apiVersion": "autosearch.dev/v1alpha1", "kind": "AutoSearchJob", "metadata": metadata, "spec": spec}
    return Conversion(manifest, reading.notes)


@dataclass
class _Reading:
    """One pass over the document; mistakes and notes pile up."""

    document: Mapping[str, Any]
    keys: Keys = field(default_factory=Keys)
    notes: list[str] = field(default_factory=list)

    def search(self) -> dict[str, Any]:
        """The fields of the spec that make the search."""
        self.keys.refuse_unknown(self.document, TOP_KEYS, "")
        strategy, spec = self._strategy()
        space = self.keys.mapping(self.document, "search_space", "search_space", None)
        if space == {}:
            self.keys.note("search_space", MISSING, "needs at least one parameter")
        return {
            "objective": self._objective(),
            "parameters": parameters_of(space or {}, self.keys, self.notes),
            **spec,
            **self._trials(strategy, spec),
            "dataSamplingPercent": self.keys.number(
                self.document, "data_sampling_scale", "data_sampling_scale", SAMPLING, 100
            ),
        }

    def _strategy(self) -> tuple[Strategy | None, dict[str, Any]]:
        path = "search_strategy"
        section = self.keys.mapping(self.document, path, path, ("algo", "params"))
        if section is None:
            return None, {}
        algo = self.keys.word(section, "algo", f"{path}.algo", tuple(STRATEGIES))
        if algo is None:
            return None, {}
        strategy = STRATEGIES[algo]
        # An empty `params:` reads as null.
        given = {"params": {} if section.get("params") is None else section["params"]}
        params = self.keys.mapping(given, "params", f"{path}.params", tuple(strategy.settings)) or {}
        return strategy, self._settings(strategy, params)

    def _settings(self, strategy: Strategy, params: Mapping[str, Any]) -> dict[str, Any]:
        settings = {
            setting.target: self.keys.number(
                params, key, f"search_strategy.params.{key}", setting.range, setting.default
            )
            for key, setting in strategy.settings.items()
        }
        spec = {"parallelTrials": settings.pop("parallelTrials")} if "parallelTrials" in settings else {}
        if strategy.name == "pbt":
            settings["mode"] = "Synchronous"
        return {"algorithm": {strategy.name: settings}, **spec}

    def _trials(self, strategy: Strategy | None, spec: Mapping[str, Any]) -> dict[str, Any]:
        key = "max_trial_num"
        if strategy is None or strategy.counted:
            return {"maxTrials": self.keys.number(self.document, key, key, MAX_TRIALS, DEFAULT_MAX_TRIALS)}
        if key in self.document:
            settings = spec["algorithm"][strategy.name]
            count = settings["population"] * settings["rounds"]
            self.keys.note(
                key,
                self.document[key],
                "a population algorithm has no such key, it makes `population_num` x `round` trials "
                f"({count} here): remove it, and set these two under `search_strategy.params`",
            )
        return {}

    def _objective(self) -> dict[str, Any]:
        section = self.keys.mapping(self.document, "metrics", "metrics", ("name", "goal", "expected_value"))
        if section is None:
            return {}
        metric = section.get("name", MISSING)
        if not isinstance(metric, str) or not 0 < len(metric) <= _LONGEST_METRIC:
            self.keys.note("metrics.name", metric, "must be the name the script reports, a text of 1 to 63 characters")
        goal = self.keys.word(section, "goal", "metrics.goal", tuple(_DIRECTIONS))
        percent = self.keys.number(section, "expected_value", "metrics.expected_value", EXPECTED, None)
        objective = {"metric": metric, "direction": _DIRECTIONS.get(goal or "", "Maximize")}
        if percent is None:
            return objective
        self._note_target(str(metric), goal, percent)
        return {**objective, "target": percent / 100}

    def _note_target(self, metric: str, goal: str | None, percent: int) -> None:
        # A target at the far end of a ratio is what all files have; anything else deserves a look.
        if goal == "MAXIMIZE" and percent <= 100:  # noqa: PLR2004 - a whole in percent
            return
        side = "or less" if goal == "MINIMIZE" else "or more"
        self.notes.append(
            f"metrics.expected_value: {percent} is a percentage, so the search ends as soon as {metric} is "
            f"{percent / 100:g} {side}; if {metric} is no ratio, change spec.objective.target or remove it"
        )


def _merged(base: Mapping[str, Any], search: dict[str, Any], reading: _Reading) -> dict[str, Any]:
    spec = base.get("spec")
    if base.get("kind") != "AutoSearchJob" or not isinstance(spec, dict) or not isinstance(spec.get("template"), dict):
        problem = Problem("base", str(base.get("kind", "")), "must be an AutoSearchJob with a `spec.template`")
        reading.keys.problems.append(problem)
        return {}
    kept = {key: copy.deepcopy(value) for key, value in spec.items() if key not in (*_SEARCH_FIELDS, *_DROPPED_FIELDS)}
    reading.notes += [
        f"spec.{key} of the base was left out: it belongs to the search that was replaced"
        for key in _DROPPED_FIELDS
        if key in spec
    ]
    _make_private(kept, reading.notes)
    merged = {**search, **kept, **{key: search[key] for key in ("parallelTrials",) if key in search}}
    _add_parallel(merged, reading.notes)
    return merged


def _make_private(spec: dict[str, Any], notes: list[str]) -> None:
    for key in ("trainData", "testData"):
        source = spec.get(key)
        if isinstance(source, dict) and "access" not in source:
            source["access"] = DATA_ACCESS
            notes.append(f"spec.{key}.access: {DATA_ACCESS}, because such scripts may write beside their data")


def _add_parallel(spec: dict[str, Any], notes: list[str]) -> None:
    if "random" in spec.get("algorithm", {}) and "parallelTrials" not in spec:
        spec["parallelTrials"] = DEFAULT_PARALLEL
        notes.append(
            f"spec.parallelTrials: {DEFAULT_PARALLEL}; RANDOM_SEARCH has no key for it, so it is TPE_SEARCH's default"
        )


def _completed(search: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """Adds the fields that a vendor's file cannot have: valid, but to be replaced before a cluster sees them."""
    spec: dict[str, Any] = {"algorithm": {}, **search}
    _add_parallel(spec, notes)
    if "pbt" in spec["algorithm"]:
        spec["output"] = {"volume": {"persistentVolumeClaim": {"claimName": PLACEHOLDER_CLAIM}}}
        notes.append(
            f"spec.output: the claim `{PLACEHOLDER_CLAIM}` is a placeholder; on a cluster PBT hands checkpoints on "
            "through a shared volume"
        )
    container = {"name": "trial", "image": PLACEHOLDER_IMAGE, "command": list(DEFAULT_COMMAND)}
    notes.append(f"spec.template: the image `{PLACEHOLDER_IMAGE}` is a placeholder; a local run ignores it")
    return {**spec, "template": {"spec": {"containers": [container]}}}


def _set_command(spec: dict[str, Any], command: Sequence[str] | None, notes: list[str], *, has_base: bool) -> None:
    container = trial_container(spec["template"])
    if command is not None and container is not None:
        container["command"] = list(command)
    elif not has_base:
        notes.append(
            f"spec.template: the script is started with `{' '.join(DEFAULT_COMMAND)}`, as no command was given"
        )
