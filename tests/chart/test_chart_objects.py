"""The objects that the chart renders: as reviewed, and valid.

    UPDATE_GOLDEN=1 python -m pytest tests/chart/test_chart_objects.py

writes the reviewed renders in golden/ anew.
"""

import functools
import json
import os
import re
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from tests.chart.rendering import CASES, CRD, NAMESPACE, named, of_kind, operator_pod, rendered

from autosearch.kubernetes.resources import MANAGED_LABEL

GOLDEN = Path(__file__).parent / "golden"
# Kinds of other projects, whose schemas no Kubernetes has.
FOREIGN = {"PodMonitor"}


SCHEMAS = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"


def newest_versions():
    """The newest three minor versions of Kubernetes whose schemas kubernetes-validate has."""
    found = [path.name.removesuffix("-local-strict") for path in SCHEMAS.glob("v*-local-strict")]
    return sorted(found, key=lambda version: [int(digits) for digits in re.findall(r"\d+", version)])[-3:]


def read(version, name):
    """A schema file of a version, the strict form, in which unknown fields are faults."""
    return json.loads((SCHEMAS / f"{version}-local-strict" / name).read_text(encoding="utf-8"))


@functools.cache
def definitions(version):
    """What the schemas of a version refer to; kubernetes_validate itself would read these megabytes for each object."""
    return (Resource.from_contents(read(version, "_definitions.json")) @ Registry()).crawl()


def faults(found, version):
    """What is wrong with an object in a version of Kubernetes."""
    group, _, number = found["apiVersion"].rpartition("/")
    place = "-".join(part for part in (group.partition(".")[0], number) if part)
    schema = read(version, f"{found['kind'].lower()}-{place}.json")
    validator = Draft202012Validator(schema, registry=definitions(version))
    return [f"{found['kind']}: {error.json_path}: {error.message}" for error in validator.iter_errors(found)]


def reviewed(objects):
    """The objects as text, without certificates, which are new each time, and definitions, which crds/ has."""
    kept = [found for found in objects if found["kind"] != CRD]
    for secret in of_kind(kept, "Secret"):
        secret["data"] = dict.fromkeys(secret["data"], "<made when installed>")
        secret["metadata"]["annotations"]["autosearch.dev/expires"] = "<made when installed>"
    return "---\n".join(yaml.safe_dump(found, sort_keys=False) for found in kept)


@pytest.mark.parametrize("case", CASES)
def test_render_is_the_reviewed_one(case):
    """A change of what is installed shows in a diff of golden/ and not only in a template."""
    path, text = GOLDEN / f"{case}.yaml", reviewed(rendered(case))
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    assert path.read_text(encoding="utf-8") == text


def test_every_reviewed_render_has_its_case():
    """No reviewed render is left of a case that is gone."""
    assert sorted(path.stem for path in GOLDEN.glob("*.yaml")) == CASES


@pytest.mark.parametrize("version", newest_versions())
def test_objects_are_valid(version):
    """Each object of each case keeps to the schema of each of the newest three minors, without unknown fields."""
    distinct = {json.dumps(found): found for case in CASES for found in rendered(case) if found["kind"] not in FOREIGN}

    assert len(distinct) > 2 * len(CASES)
    assert [fault for found in distinct.values() for fault in faults(found, version)] == []


def test_schemas_find_faults():
    """The check of the test above finds an unknown field and a wrong type."""
    (deployment,) = of_kind(rendered(), "Deployment")
    deployment["spec"]["replica"], deployment["spec"]["replicas"] = 1, "one"

    assert len(faults(deployment, newest_versions()[-1])) == 2


@pytest.mark.parametrize("case", CASES)
def test_selectors_find_the_operator(case):
    """Service, budget, network policy and monitor select labels that the operator's pod really has."""
    objects = rendered(case)
    labels = operator_pod(objects)["metadata"]["labels"]
    selectors = [one["spec"]["selector"] for one in of_kind(objects, "Service")]
    for kind in ("Deployment", "PodDisruptionBudget", "PodMonitor"):
        selectors += [one["spec"]["selector"]["matchLabels"] for one in of_kind(objects, kind)]
    selectors += [one["spec"]["podSelector"]["matchLabels"] for one in of_kind(objects, "NetworkPolicy")]

    assert len(selectors) >= 2
    assert all(selector.items() <= labels.items() for selector in selectors)


@pytest.mark.parametrize("case", CASES)
def test_everything_is_labelled_and_placed(case):
    """Each object has the common labels, and each namespaced one stands in the release's or a watched namespace."""
    for found in rendered(case):
        metadata = found["metadata"]
        allowed = {NAMESPACE, None} | ({"team-a", "team-b"} if found["kind"].startswith("Role") else set())

        assert metadata.get("namespace") in allowed
        assert found["kind"] == CRD or metadata["labels"]["app.kubernetes.io/part-of"] == "autosearch"


def test_network_policy_lets_sidecars_in():
    """The policy's label of trials' pods is the one that the operator puts on them; DNS and the API are let out."""
    (policy,) = of_kind(rendered("network"), "NetworkPolicy")
    sidecars, metrics = policy["spec"]["ingress"]
    ports = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}

    assert sidecars["from"] == [{"podSelector": {"matchLabels": {MANAGED_LABEL: "true"}}, "namespaceSelector": {}}]
    assert [port["port"] for port in sidecars["ports"]] == ["reports"]
    assert [port["port"] for port in metrics["ports"]] == ["health"]
    assert ports == {53, 6443}


def test_network_policy_names_the_watched_namespaces():
    """With a list of namespaces, sidecars of no other one are let in, and nobody reads the metrics unasked."""
    (policy,) = of_kind(rendered("network-namespaces"), "NetworkPolicy")
    (rule,) = policy["spec"]["ingress"]
    (peer,) = rule["from"]

    assert peer["namespaceSelector"]["matchExpressions"][0]["values"] == ["team-a", "team-b"]


def test_budget_only_with_standbys():
    """A single replica may be evicted: a budget of it would only block drains."""
    assert of_kind(rendered("default"), "PodDisruptionBudget") == []
    assert of_kind(rendered("standbys"), "PodDisruptionBudget")[0]["spec"]["maxUnavailable"] == 2
    assert of_kind(rendered("standbys", ["podDisruptionBudget.enabled=false"]), "PodDisruptionBudget") == []


def test_image_by_digest():
    """The digest stands beside the tag, and the sidecar's image is the operator's unless another is set."""
    digest = "sha256:" + "0" * 64
    (container,) = operator_pod(rendered("default", [f'image.digest="{digest}"']))["spec"]["containers"]
    (other,) = operator_pod(rendered("registry"))["spec"]["containers"]

    assert container["image"] == f"autosearch/operator:0.1.0@{digest}"
    assert f"--sidecar-image={container['image']}" in container["args"]
    assert any(word.startswith("--sidecar-image=registry.example/") for word in other["args"])


def test_spread_gets_the_operators_selector():
    """A topology spread constraint without a selector would count no pods; one with a selector keeps it."""
    added, kept = operator_pod(rendered("standbys"))["spec"]["topologySpreadConstraints"]

    assert added["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == "operator"
    assert kept["labelSelector"] == {"matchLabels": {"example.com/tier": "control"}}


def test_names_keep_clear_of_each_other():
    """A release of another name has the chart's in its objects' names, and a long name is cut, suffixes included."""
    objects = rendered("default", [f'fullnameOverride="{"a" * 48}"', 'nameOverride="search"'])

    assert all(len(found["metadata"]["name"]) <= 63 for found in objects if found["kind"] != CRD)
    assert named(rendered("default", ['nameOverride="engine"']), "Service", "autosearch-engine")
