"""The two CustomResourceDefinitions, whole.

Owns: names, versions, and how schema, rules and columns come together.
"""

from typing import Any

from autosearch.api.base import Model
from autosearch.api.crd import columns, immutability, job_rules, status_rules
from autosearch.api.crd.cel import at, put
from autosearch.api.crd.describe import description
from autosearch.api.crd.pod_template import RULES as TEMPLATE_RULES
from autosearch.api.crd.pod_template import pod_template, volume_source
from autosearch.api.crd.structural import NO_NUL, object_schema
from autosearch.api.job import AutoSearchJob, JobSpec, JobStatus
from autosearch.api.trial import API_VERSION, Trial, TrialSpec, TrialStatus

Schema = dict[str, Any]
GROUP, VERSION = API_VERSION.split("/")
# Lists whose entries have a key, and lists that hold each value once: the API server itself refuses doubles.
_KEYS = {
    "spec.parameters": "name",
    "status.conditions": "type",
    "status.attempts": "id",
}
_SETS = ("spec.parameters[].discrete.values", "spec.parameters[].categorical.choices")
_GIVEN_TO_SCRIPTS = ("spec.objective.metric", "spec.parameters[].categorical.choices[]")
_SOURCES = ("code", "trainData", "testData", "output")


def documents() -> dict[str, Schema]:
    """Give the definitions by the name of their file, without its ending."""
    return {"autosearchjobs": _job(), "trials": _trial()}


def _job() -> Schema:
    schema = _object(AutoSearchJob, JobSpec, JobStatus)
    spec = at(schema, "spec")["properties"]
    for name in spec:
        spec[name]["description"] += f" {immutability.note(name)}"
    _fill(schema, "spec.template", pod_template())
    for source in _SOURCES:
        _fill(schema, f"spec.{source}.volume", volume_source())
    for path in _SETS:
        at(schema, path)["x-kubernetes-list-type"] = "set"
    for path in _GIVEN_TO_SCRIPTS:
        at(schema, path)["pattern"] = NO_NUL
    for rules in (job_rules.RULES, TEMPLATE_RULES, immutability.rules(), status_rules.JOB):
        put(schema, rules)
    return _definition(AutoSearchJob, "autosearchjobs", "asj", schema, columns.JOB)


def _trial() -> Schema:
    schema = _object(Trial, TrialSpec, TrialStatus)
    put(schema, status_rules.TRIAL)
    return _definition(Trial, "trials", "ast", schema, columns.TRIAL, columns.TRIAL_SELECTABLE)


def _object(model: type[Model], spec: type[Model], status: type[Model]) -> Schema:
    schema: Schema = {
        "type": "object",
        "description": object_schema(model)["description"],
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "maxLength": 63, "description": f"apiVersion: `{API_VERSION}`."},
            "kind": {"type": "string", "maxLength": 63, "description": f"kind: `{model.__name__}`."},
            "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 253}}},
            "spec": _named("spec", object_schema(spec)),
            "status": _named("status", object_schema(status, defaults=False)),
        },
    }
    for path, key in _KEYS.items():
        part, _, name = path.partition(".")
        if name in schema["properties"][part]["properties"]:
            place = at(schema, path)
            if place["type"] == "array":
                place |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}
    return schema


def _named(name: str, schema: Schema) -> Schema:
    return {**schema, "description": description(name, schema["description"], schema)}


def _fill(schema: Schema, path: str, foreign: Schema) -> None:
    """Put a schema of Kubernetes in the place of a free object; the description stays."""
    place = at(schema, path)
    place |= {**foreign, "description": place["description"]}


def _definition(
    model: type[Model],
    plural: str,
    short: str,
    schema: Schema,
    printed: list[columns.Column],
    selectable: list[columns.Column] | None = None,
) -> Schema:
    version: Schema = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": printed,
        "schema": {"openAPIV3Schema": schema},
    }
    if selectable:
        version["selectableFields"] = selectable
    names = {
        "kind": model.__name__,
        "listKind": f"{model.__name__}List",
        "plural": plural,
        "singular": model.__name__.lower(),
        "shortNames": [short],
        "categories": ["autosearch"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }
