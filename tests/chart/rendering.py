"""Runs Helm on the chart."""

import functools
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "autosearch"
CASES = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml"))
RELEASE, NAMESPACE = "autosearch", "autosearch-system"
CRD = "CustomResourceDefinition"


def helm(*words: str) -> subprocess.CompletedProcess[str]:
    """Call Helm; without it the tests are skipped, and fail under CI=true."""
    program = Path(sys.executable).parent / "helm"
    if not program.exists():
        reason = "helm is not installed: make install"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return subprocess.run([program, *words], capture_output=True, text=True, check=False, timeout=60)


def values_file(case: str) -> Path:
    """The values of a case."""
    return CHART / "ci" / f"{case}-values.yaml"


def template(*words: str) -> subprocess.CompletedProcess[str]:
    """Render the chart as it would be installed, without a cluster."""
    return helm("template", RELEASE, str(CHART), "--namespace", NAMESPACE, *words)


def rendered(case: str = "default", sets: Sequence[str] = (), *, definitions: bool = False) -> list[dict]:
    """The objects of a case, with some values changed; the large definitions only when asked for."""
    changes = sets if definitions else [*sets, "crds.enabled=false"]
    return [found for found in yaml.load_all(_text(case, tuple(changes)), Loader=yaml.CSafeLoader) if found]


@functools.cache
def _text(case: str, changes: tuple[str, ...]) -> str:
    words = [word for one in changes for word in ("--set-json", one)]
    done = template("--values", str(values_file(case)), *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def of_kind(objects: Sequence[dict], kind: str) -> list[dict]:
    """Those of one kind."""
    return [found for found in objects if found["kind"] == kind]


def named(objects: Sequence[dict], kind: str, name: str) -> dict:
    """The only one of a kind and a name."""
    (found,) = [one for one in of_kind(objects, kind) if one["metadata"]["name"] == name]
    return found


def operator_pod(objects: Sequence[dict]) -> dict:
    """The template of the operator's pod."""
    (deployment,) = of_kind(objects, "Deployment")
    return deployment["spec"]["template"]
