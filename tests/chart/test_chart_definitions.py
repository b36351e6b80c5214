"""The custom resource definitions in the chart: the same as in crds/, behind two switches."""

import os

import pytest
import yaml
from tests.chart.rendering import CRD, ROOT, of_kind, rendered

KEEP = "helm.sh/resource-policy"


@pytest.fixture
def definitions():
    """The definitions in crds/, by name."""
    files = sorted((ROOT / "crds").glob("*.yaml"))
    if not files:
        reason = "crds/ does not exist yet: make generate"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    found = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]
    return {one["metadata"]["name"]: one for one in found}


def installed(case):
    """The chart's definitions by name, and what their policy is on an uninstallation."""
    found = {one["metadata"]["name"]: one for one in of_kind(rendered(case, definitions=True), CRD)}
    policies = {one["metadata"].get("annotations", {}).pop(KEEP, None) for one in found.values()}
    for one in found.values():
        one["metadata"].pop("labels", None)
        if not one["metadata"].get("annotations"):
            one["metadata"].pop("annotations", None)
    return found, policies


def test_chart_has_the_definitions_of_crds(definitions):
    """What the chart installs is what `kubectl apply -f crds/` installs, and an uninstallation keeps it."""
    found, policies = installed("default")
    for one in definitions.values():
        one["metadata"].pop("labels", None)

    assert found == definitions
    assert policies == {"keep"}


def test_definitions_go_with_the_chart_when_told(definitions):
    """crds.keep: false lets an uninstallation remove them."""
    found, policies = installed("closed-roles")

    assert set(found) == set(definitions)
    assert policies == {None}


def test_no_definitions_when_they_come_from_elsewhere(definitions):
    """crds.enabled: false renders none."""
    found, _ = installed("external-roles")

    assert definitions
    assert found == {}
