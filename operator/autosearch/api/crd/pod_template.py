"""Kubernetes' own schemas in ours: the pod template, and the source of a volume.

Owns: what is added to them: bounds, and the rules of the trial's container. All else in a template is Kubernetes' to
judge, which the operator asks by a dry run of the first pod.
"""

import json
from importlib.resources import files
from typing import Any

from autosearch.api.base import MAX_COUNT
from autosearch.api.crd.cel import Rule, Rules
from autosearch.api.crd.structural import NO_NUL, SCALAR

Schema = dict[str, Any]
MOST_CONTAINERS = 6
# Wide enough for whatever a kubelet could start; without a bound no rule could look at a container.
_LONGEST_STRING = 65_536
_MOST_ITEMS = 1_000
_LONGEST_WORD = 32_768
# What Kubernetes takes as a variable's name: printable ASCII without the sign that ends a name.
_VARIABLE = "^[ -<>-~]+$"
# Words of a command line among which the `-c` of a shell is looked for.
_WORDS_SEEN = 8
_QUANTITY = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)


def _read() -> Schema:
    text = files("autosearch.api.crd").joinpath("pod_template.json").read_text(encoding="utf-8")
    schemas: Schema = json.loads(text)
    return schemas


def pod_template() -> Schema:
    """Give the schema of `spec.template`, with bounds."""
    schema: Schema = _read()["podTemplate"]
    _bound(schema)
    pod = schema["properties"]["spec"]
    pod["properties"]["terminationGracePeriodSeconds"] |= {"minimum": 0, "maximum": MAX_COUNT}
    for kind in ("containers", "initContainers"):
        pod["properties"][kind]["maxItems"] = MOST_CONTAINERS
        container = pod["properties"][kind]["items"]["properties"]
        for words in ("command", "args"):
            container[words]["items"] |= {"maxLength": _LONGEST_WORD, "pattern": NO_NUL}
        container["name"]["maxLength"] = 63
        variable = container["env"]["items"]["properties"]
        variable["name"]["pattern"] = _VARIABLE
        variable["value"]["pattern"] = NO_NUL
    schema["required"] = ["spec"]
    return schema


def volume_source() -> Schema:
    """Give the schema of a volume source, with bounds; it is exactly one."""
    schema: Schema = _read()["volumeSource"]
    _bound(schema)
    # A CEL rule over thirty kinds would say it better, but costs the API server time at every write of a status.
    schema |= {"minProperties": 1, "maxProperties": 1}
    return schema


def _bound(schema: Schema) -> None:
    """Add what Kubernetes' schemas leave open, in place."""
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        # A quantity: also `cpu: 0.5` without quotes, as Kubernetes itself takes it.
        schema |= {**SCALAR, "maxLength": 64, "pattern": _QUANTITY}
    if schema.get("x-kubernetes-int-or-string"):
        schema["maxLength"] = 63
    kind = schema.get("type")
    if kind == "string" and "enum" not in schema:
        schema.setdefault("maxLength", _LONGEST_STRING)
    if kind == "array":
        schema.setdefault("maxItems", _MOST_ITEMS)
    if "additionalProperties" in schema:
        schema.setdefault("maxProperties", _MOST_ITEMS)
    for child in (*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")):
        if isinstance(child, dict):
            _bound(child)


_SHELLS = "^(.*/)?(sh|bash|dash|ash|zsh|ksh)$"


def _is_trial(pod: str) -> str:
    """Give the expression that a container `c` is the trial: the one of that name, else the first."""
    return (
        f"(c.name == 'trial' || (c.name == {pod}.containers[0].name && "
        f"!{pod}.containers.exists(other, other.name == 'trial')))"
    )


def _word(place: str) -> str:
    """Give the expression for a word of the whole command line; `place` counts from 0 and must exist."""
    size = "c.command.size()"
    return f"({place} < {size} ? c.command[{place}] : c.args[{place} - {size}])"


def _takes_next(word: str) -> str:
    """Give the expression that a shell's option has its value in the next word, as `-euo pipefail`."""
    return (
        f"({word} in ['--rcfile', '--init-file'] || (!{word}.startsWith('--') && ({word}.endsWith('o') || "
        f"{word}.endsWith('O')) && ({word}.startsWith('-') || {word}.startsWith('+'))))"
    )


def _is_shell_text() -> str:
    """Give the expression that a container hands a shell its script, as `sh -c` and `bash -euo pipefail -c` do.

    A word that starts with `-` and holds a `c` does, if all words before it are options or their values.
    """
    word, before, last = _word("i"), _word("j"), _word("i - 1")
    option = f"({before}.startsWith('-') || {before}.startsWith('+')) && !({before} in ['-', '--'])"
    value = f"(j > 1 && {_takes_next(_word('j - 1'))})"
    places = list(range(1, _WORDS_SEEN))
    total = "c.command.size() + (has(c.args) ? c.args.size() : 0)"
    return (
        f"c.command[0].matches('{_SHELLS}') && {places}.exists(i, i < {total} && "
        f"{word}.matches('^-[A-Za-z]*c[A-Za-z]*$') && !(i > 1 && {_takes_next(last)}) && "
        f"{places}.all(j, j >= i || ({option}) || {value}))"
    )


_COMMAND = Rule(
    f"self.containers.size() == 0 || self.containers.all(c, !{_is_trial('self')} || "
    "(has(c.command) && c.command.size() > 0))",
    "the container `trial`, else the first one, must have a `command`: a list of strings such as `[python, train.py]`; "
    "flags go after its `args`",
    path=".containers",
    reason="FieldValueRequired",
)
_POD = "self.template.spec"
_SHELL = Rule(
    f"self.arguments == 'None' || {_POD}.containers.size() == 0 || {_POD}.containers.all(c, !{_is_trial(_POD)} || "
    f"!has(c.command) || c.command.size() == 0 || !({_is_shell_text()}))",
    "the trial's `command` must not be a shell with `-c`, which loses the flags that are appended; write the command "
    "as a list, or set `arguments: None` and use $(AUTOSEARCH_PARAM_name)",
    path=".template.spec.containers",
)
_COPIES = " + ".join(
    f"(has(self.{name}) && self.{name}.access == 'PrivateCopy' ? 1 : 0)" for name in ("trainData", "testData")
)
_COUNT = Rule(
    f"{_POD}.containers.size() + (has({_POD}.initContainers) ? {_POD}.initContainers.size() : 0) + 1 + {_COPIES} "
    f"<= {MOST_CONTAINERS}",
    f"the pod must have at most {MOST_CONTAINERS} containers together with those that are added (one that takes the "
    "reports, and one for each `access: PrivateCopy`); leave some out",
    path=".template.spec.containers",
)
_FILLED = Rule(
    "self.size() > 0",
    "must hold a container: `- {name: trial, image: ..., command: [python, train.py]}`",
    reason="FieldValueRequired",
)
_OURS = Rule(
    "!self.startsWith('autosearch-')",
    "must not begin with `autosearch-`, as the names of what is added do; choose another name",
)
RULES: Rules = {
    "spec": [_SHELL, _COUNT],
    "spec.template.spec": [_COMMAND],
    "spec.template.spec.containers": [_FILLED],
    **{f"spec.template.spec.{kind}[].name": [_OURS] for kind in ("containers", "initContainers", "volumes")},
}
