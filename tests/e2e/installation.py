"""AutoSearch on the cluster under test: installed once for all tests, by its chart, and removed after the last one.

Owns: the release, its namespace, and the custom resource definitions where they were not there before.
"""

import fcntl
import os
from pathlib import Path

from tests.e2e.cluster_access import ROOT, Access

RELEASE = "autosearch"
SYSTEM = "autosearch-system"
CHART = str(ROOT / "charts" / "autosearch")
CRDS = ("autosearchjobs.autosearch.dev", "trials.autosearch.dev")
IMAGE = os.environ.get("IMAGE", "autosearch/operator:0.1.0")
_MARK = "installed"


def image_values(image: str = IMAGE) -> list[str]:
    """Give helm's arguments for an image, named with a tag, a digest, or neither."""
    name, _, digest = image.partition("@")
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = name, ""
    values = {"image.repository": repository, "image.tag": tag, "image.digest": digest}
    return [word for key, value in values.items() if value for word in ("--set-string", f"{key}={value}")]


def a_namespace(name: str, level: str) -> dict:
    """Give a namespace that enforces a level of Pod Security: `restricted` or `baseline`."""
    labels = {"pod-security.kubernetes.io/enforce": level}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def install(access: Access) -> bool:
    """Install by helm and wait until the operator is ready; says whether the definitions are someone else's."""
    old = _definitions_of_others(access)
    access.apply(a_namespace(SYSTEM, "restricted"))
    access.helm(
        *("upgrade", "--install", RELEASE, CHART, "--namespace", SYSTEM, *image_values()),
        *("--set", f"crds.enabled={str(not old).lower()}", "--wait", "--timeout", "5m"),
    )
    return old


def _definitions_of_others(access: Access) -> bool:
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{CRDS[0]}"
    if not access.exists(path):
        return False
    return access.get(path)["metadata"].get("annotations", {}).get("meta.helm.sh/release-namespace") != SYSTEM


def uninstall(access: Access, keep_definitions: bool) -> None:
    """Remove the release and its namespace; the definitions, with all searches, only where they are ours."""
    access.helm("uninstall", RELEASE, "--namespace", SYSTEM, "--ignore-not-found", "--wait")
    if not keep_definitions:
        access.kubectl("delete", "crd", *CRDS, "--ignore-not-found")
    access.kubectl("delete", "namespace", SYSTEM, "--ignore-not-found", "--timeout=120s")


def installed_once(access: Access, shared: Path) -> None:
    """Install, if no other worker of this test run has done it; `shared` is a folder of the run's own."""
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark = shared / _MARK
        if not mark.exists():
            mark.write_text("old" if install(access) else "ours")


def remove_if_installed(shared: Path) -> None:
    """Undo `installed_once`, after the last test of all workers; KEEP=1 leaves it to the next run."""
    mark = shared / _MARK
    if mark.exists() and not os.environ.get("KEEP"):
        uninstall(Access(os.environ["KUBECONFIG"]), keep_definitions=mark.read_text() == "old")
