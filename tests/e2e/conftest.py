"""Tests with real pods. They take minutes and root: only who names this folder runs them, as `make e2e` does.

KUBECONFIG names the cluster, IMAGE the operator's image; PYTHON_IMAGE, SKLEARN_IMAGE and TORCH_IMAGE are what trials
run in; STORAGE_CLASS and ACCESS_MODE are those of claims, which otherwise are folders of the only node. Where the
kubeconfig is in a state folder of tools/cluster, that node's parts may be killed and its volumes read without a pod.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from tests.e2e.cluster_access import Access
from tests.e2e.installation import installed_once, remove_if_installed
from tests.e2e.node_tool import Node
from tests.e2e.site import Site
from tests.e2e.volume import own_node

HERE = Path(__file__).parent
_SHARED = "AUTOSEARCH_E2E_SHARED"
_FAILED = pytest.StashKey[bool]()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the folder out, unless an argument names it or something in it."""
    asked = [config.invocation_params.dir / argument.split("::")[0] for argument in config.args]
    return None if any(path.resolve().is_relative_to(HERE) for path in asked) else True


def pytest_configure(config: pytest.Config) -> None:
    """Make a folder that all workers of a run share."""
    config.addinivalue_line("markers", "alone: stops parts of the cluster or the operator; not beside other tests")
    if not hasattr(config, "workerinput"):
        os.environ[_SHARED] = tempfile.mkdtemp(prefix="autosearch-e2e-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove AutoSearch from the cluster, when all workers have ended."""
    if not hasattr(config, "workerinput") and (shared := os.environ.pop(_SHARED, "")):
        try:
            remove_if_installed(Path(shared))
        finally:
            shutil.rmtree(shared)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Keep in mind whether the test failed, for the fixtures' ends."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def access() -> Access:
    """The cluster that KUBECONFIG names; without one the tests are skipped, and fail under CI=true."""
    kubeconfig = os.environ.get("KUBECONFIG", "")
    if not kubeconfig:
        why = "KUBECONFIG names no cluster: NOTHING is tested with real pods here"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return Access(kubeconfig)


@pytest.fixture(scope="session")
def installed(access: Access) -> Access:
    """The cluster, with AutoSearch on it: the release `autosearch` in `autosearch-system`, Pod Security restricted."""
    installed_once(access, Path(os.environ[_SHARED]))
    return access


@pytest.fixture
def site(request: pytest.FixtureRequest, installed: Access, tmp_path: Path):
    """A namespace of the test's own, with a claim; what is in it is shown when the test fails."""
    made = Site(installed, tmp_path)
    yield made
    if request.node.stash.get(_FAILED, False):
        print(made.account_of_itself())
    made.close()


@pytest.fixture(scope="session")
def own_cluster(access: Access) -> Node:
    """The one-node cluster of tools/cluster, whose parts may be killed; other clusters' may not."""
    state = own_node(access.kubeconfig)
    if state is None:
        pytest.skip("this is no cluster of tools/cluster on this machine: what needs the node itself is NOT tested")
    return Node(state)
