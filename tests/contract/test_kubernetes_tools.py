"""tools/kubernetes/build.sh: where the cluster tests get their programs from. The compiler is a stand-in here."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "kubernetes" / "build.sh"
PROGRAMS = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kwok"]
NODE_PROGRAMS = ["kubelet", "kube-proxy", "coredns", "pause", "containerd", "ctr", "containerd-shim-runc-v2", "cni"]
GO = """#!/bin/bash
case "$1 $2" in
"env GOVERSION") echo go1.99.0 ;;
"build -v")
    echo "$*" >> "$COUNT"
    sleep "${GO_SLEEPS:-0.1}"
    [ -z "${GO_FAILS:-}" ] || { echo "main.go:1: a broken line"; exit 1; }
    while [ "$1" != -o ]; do shift; done
    name=${3##*/}
    mkdir -p "$2" && printf '#!/bin/sh\\n' > "$2/$name" && chmod +x "$2/$name" ;;
esac
"""


@pytest.fixture
def environment(tmp_path):
    """An empty cache, and a compiler that writes empty programs and counts its calls."""
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "go").write_text(GO)
    (tmp_path / "path" / "go").chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("KUBEBUILDER", "AUTOSEARCH"))}
    path = f"{tmp_path / 'path'}:{os.environ['PATH']}"
    return {**kept, "PATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache"), "COUNT": str(tmp_path / "count")}


def build(environment, *arguments, **more):
    """Run the script to its end."""
    return subprocess.run(
        [str(SCRIPT), *arguments], env={**environment, **more}, capture_output=True, text=True, check=False
    )


def builds(environment):
    """Give how often the compiler was called."""
    count = Path(environment["COUNT"])
    return len(count.read_text().splitlines()) if count.exists() else 0


def test_builds_once(environment):
    """The only line of output is the folder with all programs; the second call builds nothing, and nothing is left."""
    first, second = build(environment), build(environment)

    folder = Path(first.stdout.removesuffix("\n"))
    assert sorted(path.name for path in folder.iterdir()) == sorted([*PROGRAMS, "kubernetes"])
    assert (second.stdout, second.stderr) == (first.stdout, "")
    assert builds(environment) == 2
    assert [path.name for path in folder.parents[1].iterdir() if path.name.startswith(".building")] == []


def test_a_node_comes_after_the_control_plane(environment):
    """With --node the folder holds the control plane, which is built first and once, and what a node runs."""
    control = build(environment)
    first, second = build(environment, "--node"), build(environment, "--node")

    folder = Path(first.stdout.removesuffix("\n"))
    assert sorted(path.name for path in folder.iterdir()) == sorted([*PROGRAMS, *NODE_PROGRAMS])
    assert sorted(path.name for path in (folder / "cni").iterdir()) == ["host-local", "ptp"]
    assert (folder / "kube-apiserver").resolve().parent == Path(control.stdout.strip()).resolve()
    assert (second.stdout, second.stderr) == (first.stdout, "")
    assert builds(environment) == 10


def test_the_control_plane_is_there_while_the_node_is_built(environment):
    """Who needs the control plane alone does not wait for the end of a build that goes on with the node."""
    longer = subprocess.Popen([str(SCRIPT), "--node"], env={**environment, "GO_SLEEPS": "3"}, stderr=subprocess.PIPE)
    while builds(environment) == 0:
        time.sleep(0.02)

    shorter = build(environment)
    going_on = longer.poll() is None
    longer.send_signal(signal.SIGTERM)
    longer.communicate(timeout=30)

    assert shorter.returncode == 0
    assert going_on
    assert (build(environment, "--cached").returncode, build(environment, "--node", "--cached").returncode) == (0, 3)


def test_unknown_arguments_are_refused(environment):
    """A misspelt mode builds nothing."""
    found = build(environment, "--nodes")

    assert (found.returncode, builds(environment)) == (2, 0)
    assert "found the argument --nodes: write --node" in found.stderr


def test_two_at_once_build_once(environment):
    """Whoever comes while another builds waits and gets the same folder."""
    command = [str(SCRIPT)]
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)
    ]

    outputs = {process.communicate(timeout=60)[0] for process in both}

    assert [process.returncode for process in both] == [0, 0]
    assert len(outputs) == 1
    assert builds(environment) == 2


def test_without_a_build(environment):
    """With --cached nothing is built, and the exit code says that something is missing."""
    missing = build(environment, "--cached")
    built = build(environment)
    found = build(environment, "--cached")

    assert (missing.returncode, missing.stdout) == (3, "")
    assert (found.returncode, found.stdout) == (0, built.stdout)


def test_a_failed_build_leaves_nothing(environment):
    """The compiler's words are shown, and the next call builds anew."""
    failed = build(environment, GO_FAILS="yes")
    left = [path.name for path in Path(environment["XDG_CACHE_HOME"], "autosearch-tools").iterdir()]

    assert (failed.returncode, failed.stdout) == (2, "")
    assert "a broken line" in failed.stderr
    assert left == [".lock"]
    assert build(environment).returncode == 0


def test_an_interrupted_build_leaves_nothing(environment):
    """A signal ends the build at once, and nothing half built is taken for whole."""
    process = subprocess.Popen([str(SCRIPT)], env={**environment, "GO_SLEEPS": "600"}, stderr=subprocess.PIPE)
    while builds(environment) == 0:
        time.sleep(0.02)

    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)

    assert process.returncode == 130
    assert [path.name for path in Path(environment["XDG_CACHE_HOME"], "autosearch-tools").iterdir()] == [".lock"]


def programs(folder, names):
    """Make a folder that holds such programs."""
    folder.mkdir()
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return str(folder)


def test_the_users_programs_are_used(environment, tmp_path):
    """KUBEBUILDER_ASSETS wins where it is set, and nothing is built."""
    assets = programs(tmp_path / "assets", PROGRAMS)

    found = build(environment, KUBEBUILDER_ASSETS=assets)

    assert found.stdout.strip() == assets
    assert builds(environment) == 0


def test_what_the_user_lacks_is_built(environment, tmp_path):
    """A folder of the usual three is completed by our own build, and what was missing is said."""
    assets = programs(tmp_path / "assets", ["etcd", "kube-apiserver", "kubectl"])

    found = build(environment, KUBEBUILDER_ASSETS=assets)

    folder = Path(found.stdout.strip())
    assert (folder / "etcd").resolve().parent == Path(assets)
    assert all((folder / name).exists() for name in PROGRAMS)
    assert "lacks kube-controller-manager kube-scheduler kwok" in found.stderr


@pytest.mark.parametrize("names", [None, ["etcd"], ["kube-apiserver"]], ids=str)
def test_useless_assets_are_refused(environment, tmp_path, names):
    """A folder without the API server or etcd is an error that names what is missing."""
    assets = str(tmp_path / "none") if names is None else programs(tmp_path / "assets", names)

    found = build(environment, KUBEBUILDER_ASSETS=assets)

    missing = {None: "which is no folder", "etcd": "has no kube-apiserver", "kube-apiserver": "has no etcd"}
    assert (found.returncode, found.stdout) == (2, "")
    assert missing[names[0] if names else None] in found.stderr
