"""What the cluster tests share: one real control plane per pytest process, one namespace per test.

Where pytest runs in several processes, the files of this folder are shared out to two groups (`--dist loadgroup` keeps
each in one process), so that there are at most two control planes of 0.7 GB, and tests that kill the API server disturb
nobody else's.
"""

import os
import signal
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.cluster.control_plane import ControlPlane, find_binaries
from tests.cluster.jobs import Searches, bound_claim
from tests.cluster.operator_process import OperatorProcess
from tests.cluster.recording_proxy import RecordingProxy

HERE = Path(__file__).parent
CRDS = HERE.parents[1] / "crds"
GROUPS = 2


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each file of this folder to one of the groups, in turn."""
    ours = [item for item in items if item.path.is_relative_to(HERE)]
    files = {path: number for number, path in enumerate(sorted({item.path for item in ours}))}
    for item in ours:
        item.add_marker(pytest.mark.xdist_group(f"cluster-{files[item.path] % GROUPS}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the operator and the searches say where a test has failed: elsewhere there is no second look."""
    report = yield
    if report.when == "call" and report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, OperatorProcess | Searches):
                with suppress(OSError):
                    report.sections.append((name, value.account_of_itself()))
    return report


@pytest.fixture(scope="session")
def binaries() -> Path:
    """The folder with the control plane's programs; without them the test is skipped, and fails under CI=true."""
    found = find_binaries()
    if found is None:
        why = "the Kubernetes programs are not built: do `make kubernetes-tools` (once, about 10 minutes)"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return found


@pytest.fixture(scope="session")
def cluster(binaries: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A running control plane with our CRDs, two nodes of 8 GPUs, and kwok in the kubelets' place."""
    control_plane = ControlPlane(binaries, tmp_path_factory.mktemp("cluster", numbered=True))
    control_plane.start()
    try:
        control_plane.install_crds(CRDS)
        yield control_plane
    finally:
        control_plane.close()


@pytest.fixture(scope="module")
def own_cluster(binaries: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane that one file has for itself: no operator but its own looks at what is in it."""
    control_plane = ControlPlane(binaries, tmp_path_factory.mktemp("own-cluster", numbered=True))
    control_plane.start()
    try:
        control_plane.install_crds(CRDS)
        yield control_plane
    finally:
        control_plane.close()


@pytest.fixture(scope="session")
def proxy(cluster: ControlPlane) -> Iterator[RecordingProxy]:
    """What the session's operator goes through."""
    with RecordingProxy(cluster) as running:
        yield running


@pytest.fixture(scope="session")
def operator(
    cluster: ControlPlane, proxy: RecordingProxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """An operator for all namespaces, with the chart's rights."""
    process = OperatorProcess(cluster, tmp_path_factory.mktemp("operator", numbered=True), server=proxy.server)
    process.start()
    try:
        yield process
    finally:
        process.kill(signal.SIGTERM)


@pytest.fixture
def namespace(cluster: ControlPlane) -> Iterator[str]:
    """A fresh namespace, deleted at the end without waiting for it."""
    name = cluster.create_namespace()
    yield name
    cluster.delete_namespace(name)


@pytest.fixture
def searches(cluster: ControlPlane, operator: OperatorProcess, namespace: str) -> Iterator[Searches]:
    """The jobs of a namespace of its own, which has a claim `results`, watched by the session's operator."""
    volume, claim = bound_claim(namespace)
    cluster.apply(volume)
    cluster.apply(claim, namespace=namespace)
    yield Searches(cluster, namespace)
    cluster.kubectl("delete", "pv", volume["metadata"]["name"], "--wait=false")
