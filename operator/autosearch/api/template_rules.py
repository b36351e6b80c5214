"""What a pod template must hold for a trial to be started from it, on a cluster or as a local process.

Owns: the rules of `spec.template`, and which of its containers is the trial. They read the document as it was written;
all else in a template is Kubernetes' own to judge.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from autosearch.api.base import MAX_COUNT
from autosearch.api.errors import Problem, shown

_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})
# Options of a shell whose value is the next word: `-o pipefail`, `-euo pipefail`, `--rcfile FILE`.
_WITH_VALUE = re.compile(r"[-+][A-Za-z]*[oO]|--rcfile|--init-file")
_SHELL_TEXT = re.compile(r"-[A-Za-z]*c[A-Za-z]*")
# What Kubernetes takes as a variable's name: printable ASCII without the sign that ends a name.
_VARIABLE = re.compile(r"[ -<>-~]+")
_ENV = '`{name: A, value: "1"}`'


def check(template: object, arguments: object) -> Iterator[Problem]:
    """Give what is wrong with `spec.template`, if it is a mapping; `arguments` is the field of that name."""
    if not isinstance(template, Mapping):
        return
    pod = template.get("spec")
    pod = pod if isinstance(pod, Mapping) else {}
    yield from _grace(pod)
    containers, path = pod.get("containers"), "spec.template.spec.containers"
    if not isinstance(containers, list) or not containers or not all(isinstance(c, Mapping) for c in containers):
        text = "must hold a container: `- {name: trial, image: ..., command: [python, train.py]}`"
        yield Problem(path, "", text)
        return
    index = next((i for i, container in enumerate(containers) if container.get("name") == "trial"), 0)
    yield from _command(containers[index], arguments, f"{path}[{index}]")
    yield from _env(containers[index], f"{path}[{index}].env")


def trial_container(template: object) -> dict[str, Any] | None:
    """Give the container that is the trial; None where the template has not the form."""
    pod = template.get("spec") if isinstance(template, Mapping) else None
    containers = pod.get("containers") if isinstance(pod, Mapping) else None
    mappings = [each for each in containers if isinstance(each, dict)] if isinstance(containers, list) else []
    return next((each for each in mappings if each.get("name") == "trial"), mappings[0] if mappings else None)


def _grace(pod: Mapping[str, Any]) -> Iterator[Problem]:
    key = "terminationGracePeriodSeconds"
    if key not in pod:
        return
    seconds = pod[key]
    if isinstance(seconds, float) and seconds.is_integer():
        seconds = int(seconds)
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds <= MAX_COUNT:
        yield Problem(f"spec.template.spec.{key}", shown(seconds), "must be a whole number of seconds, 0 or more")


def _command(container: Mapping[str, Any], arguments: object, path: str) -> Iterator[Problem]:
    command, args = container.get("command"), container.get("args", [])
    if not command or not _is_words(command):
        text = "must be a list of strings, such as `[python, train.py]`; flags go after its `args`"
        yield Problem(f"{path}.command", "" if command is None else shown(command), text)
    if not _is_words(args):
        yield Problem(f"{path}.args", shown(args), "must be a list of strings; quote numbers")
    elif command and _is_words(command) and arguments != "None" and _is_shell_text([*command, *args]):
        text = (
            "a shell with `-c` loses the flags that are appended; write the command as a list, or set "
            "`arguments: None` and use $(AUTOSEARCH_PARAM_name)"
        )
        yield Problem(f"{path}.command", shown(command[:2]), text)


def _is_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _is_shell_text(words: list[str]) -> bool:
    """Say whether a shell is given its script as an argument: `sh -c`, `bash -ec`, `bash -euo pipefail -c`."""
    if words[0].rsplit("/", 1)[-1] not in _SHELLS:
        return False
    options = iter(words[1:])
    for word in options:
        if word in {"-", "--"} or not word.startswith(("-", "+")):
            return False
        if _SHELL_TEXT.fullmatch(word):
            return True
        if _WITH_VALUE.fullmatch(word):
            next(options, None)
    return False


def _env(container: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if "env" not in container:
        return
    entries = container["env"]
    if not isinstance(entries, list):
        yield Problem(path, shown(entries), f"must be a list of {_ENV}")
        return
    for index, entry in enumerate(entries):
        if isinstance(entry, Mapping):
            yield from _variable(entry, f"{path}[{index}]")
        else:
            yield Problem(f"{path}[{index}]", shown(entry), f"must be a mapping such as {_ENV}")


def _variable(entry: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if "name" not in entry:
        yield Problem(f"{path}.name", "", "is required")
    elif not isinstance(entry["name"], str):
        yield Problem(f"{path}.name", shown(entry["name"]), "must be a string; quote it")
    elif not _VARIABLE.fullmatch(entry["name"]):
        yield Problem(f"{path}.name", shown(entry["name"]), "must hold printable ASCII characters, and no `=`")
    if not isinstance(entry.get("value", ""), str):
        yield Problem(f"{path}.value", shown(entry["value"]), "must be a string; quote it")
