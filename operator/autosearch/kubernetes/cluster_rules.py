"""What a job needs on a cluster beside what makes it valid anywhere.

Owns: the rules that can be checked before the API server is asked, told together with the API's own.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from autosearch.api.errors import InvalidInputError, Problem, shown
from autosearch.api.loading import parse_job
from autosearch.api.template_rules import trial_container
from autosearch.api.vendor import PLACEHOLDER_CLAIM, PLACEHOLDER_IMAGE

_SOURCES = ("code", "trainData", "testData", "output")
_INTO = "give --into BASE.yaml, an AutoSearchJob that has it"


def check_manifest(document: Mapping[str, Any]) -> list[Problem]:
    """Give all that is wrong with a job that is to run on a cluster."""
    problems: list[Problem] = []
    try:
        parse_job(document)
    except InvalidInputError as error:
        problems += error.problems
    spec = document.get("spec")
    if isinstance(spec, Mapping):
        problems += _image(spec)
        problems += [problem for field in _SOURCES for problem in _volume(spec, field)]
    return problems


def _image(spec: Mapping[str, Any]) -> Iterator[Problem]:
    container = trial_container(spec.get("template"))
    if container is None:
        return
    name = container.get("name")
    path = "spec.template.spec.containers[0]"
    path = f"spec.template.spec.containers[name={name}]" if isinstance(name, str) else path
    if name is None:
        yield Problem(f"{path}.name", "", "is required on a cluster: write `name: trial`")
    image = container.get("image")
    if not image:
        yield Problem(f"{path}.image", "", "is required on a cluster: the image that has what the script imports")
    elif image == PLACEHOLDER_IMAGE:
        yield Problem(f"{path}.image", shown(image), f"is a placeholder: {_INTO}")


def _volume(spec: Mapping[str, Any], field: str) -> Iterator[Problem]:
    source = spec.get(field)
    volume = source.get("volume") if isinstance(source, Mapping) else None
    if not isinstance(volume, Mapping):
        return
    claim = volume.get("persistentVolumeClaim")
    if not volume:
        text = "must say which volume: `{persistentVolumeClaim: {claimName: datasets}}`"
        yield Problem(f"spec.{field}.volume", "{}", text)
    elif isinstance(claim, Mapping) and claim.get("claimName") == PLACEHOLDER_CLAIM:
        path = f"spec.{field}.volume.persistentVolumeClaim.claimName"
        yield Problem(path, shown(PLACEHOLDER_CLAIM), f"is a placeholder: {_INTO}")
