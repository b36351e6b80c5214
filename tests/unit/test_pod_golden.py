"""Whole pods of a few jobs that stand for all, as files; every object that is made is valid Kubernetes.

To write the files anew after a change that is meant: `UPDATE_GOLDEN=1 pytest tests/unit/test_pod_golden.py`; then read
what changed.
"""

import json
import os
from pathlib import Path

import kubernetes_validate
import pytest
from kubernetes_validate.utils import all_versions
from tests.unit.pod_samples import OUTPUT, SETTINGS, job, representative

from autosearch.kubernetes.pod import SIDECAR, cleaner_pod

GOLDEN = Path(__file__).parent / "golden" / "pods"
MINORS = all_versions()[-3:]
CLEANER = "demo-01234567-cleaner-1"


def pods() -> dict[str, dict]:
    directories = ["demo-01234567/0-1", "demo-01234567/0-2"]
    return representative() | {"cleaner": cleaner_pod(job(output=OUTPUT), CLEANER, directories, SETTINGS)}


@pytest.mark.parametrize("name", sorted(pods()))
def test_a_pod_is_what_its_file_says(name):
    """No pod changes unless its golden file does."""
    path, text = GOLDEN / f"{name}.json", json.dumps(pods()[name], indent=2) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")

    assert text == path.read_text(encoding="utf-8")


def test_every_golden_file_is_used():
    """No file stays behind when a pod is renamed."""
    assert {path.stem for path in GOLDEN.iterdir()} == set(pods())


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize("name", sorted(pods()))
def test_pods_are_valid_in_the_newest_three_minors(name, minor):
    """A strict schema knows every field that we write, and takes every value."""
    kubernetes_validate.validate(pods()[name], minor, strict=True)

    assert len(MINORS) == 3


@pytest.mark.parametrize("name", sorted(representative()))
def test_what_we_add_holds_to_pod_security_restricted(name):
    """Sidecar and copiers of every pod satisfy each rule that `restricted` has for a container."""
    spec = representative()[name]["spec"]
    ours = [each for each in spec["initContainers"] if each["name"].startswith("autosearch-")]

    assert SIDECAR in [each["name"] for each in ours]
    for each in ours:
        security = each["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security.get("runAsUser") != 0
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not security.get("privileged")
        assert not any("hostPort" in port for port in each.get("ports", []))
    added = [volume for volume in spec["volumes"] if volume["name"].startswith("autosearch-")]
    allowed = {"configMap", "emptyDir", "persistentVolumeClaim", "projected"}
    assert all(volume.keys() - {"name"} <= allowed for volume in added)
