"""tools/cluster: what it refuses before it starts anything. What it starts is tried in tests/e2e."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools" / "cluster"


def call(program, *arguments, **environment):
    """Run one of the two tools to its end."""
    command = [sys.executable, str(TOOLS / program), *arguments]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def parts(monkeypatch):
    """The tool's modules."""
    monkeypatch.syspath_prepend(str(TOOLS))
    from one_node import control_groups, oci, state

    return {"control_groups": control_groups, "oci": oci, "state": state}


@pytest.mark.parametrize(
    "arguments", [[], ["upp"], ["up", "now"], ["load-image"], ["exec"], ["kill", "a", "b"]], ids=str
)
def test_wrong_arguments_show_the_usage(arguments):
    """What is not understood is answered by the list of commands, and nothing is done."""
    done = call("cluster", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert "cluster load-image FILE" in done.stderr


@pytest.mark.parametrize("program", ["cluster", "image"])
def test_help_goes_to_stdout(program):
    """--help says what the tool does."""
    done = call(program, "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert f"  {program} " in done.stdout


def test_a_folder_that_the_node_cannot_see_is_refused():
    """The error names the folder that was found and where it may be instead."""
    done = call("cluster", "status", CLUSTER_STATE="/var/lib/somewhere")

    assert done.returncode == 2
    assert "CLUSTER_STATE: found /var/lib/somewhere, which lies below /var" in done.stderr
    assert "below /tmp" in done.stderr


@pytest.mark.parametrize("text", ["nvidia.com/gpu", "nvidia.com/gpu=many", "=4"])
def test_wrong_resources_are_refused(tmp_path, text):
    """The error names what was found and what to write."""
    done = call("cluster", "up", CLUSTER_STATE=str(tmp_path / "state"), CLUSTER_RESOURCES=text)

    assert done.returncode == 2
    assert f"CLUSTER_RESOURCES: found '{text}': write NAME=COUNT" in done.stderr
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    "arguments",
    [["kubectl", "get", "pods"], ["exec", "true"], ["kill", "etcd"], ["start", "etcd"], ["status"]],
    ids=str,
)
def test_without_a_cluster(tmp_path, arguments):
    """Every command but `up` and `down` says that nothing is up."""
    done = call("cluster", *arguments, CLUSTER_STATE=str(tmp_path / "state"))

    assert done.returncode in (1, 2)
    assert "nothing is up" in done.stderr or "the cluster is not up: do" in done.stderr


def test_down_without_a_cluster(tmp_path):
    """`down` where nothing is up succeeds, and makes nothing."""
    done = call("cluster", "down", CLUSTER_STATE=str(tmp_path / "state"))

    assert (done.returncode, done.stderr) == (0, "cluster: nothing is up\n")
    assert list(tmp_path.iterdir()) == []


def test_control_groups_of_version_2_are_refused(parts, monkeypatch):
    """On a machine that the node was never tried on, the error names the way that works."""
    monkeypatch.setattr(parts["control_groups"], "_own_groups", dict)

    with pytest.raises(parts["state"].ClusterError, match=r"not tested here.*KUBECONFIG=.* make e2e"):
        parts["control_groups"].hierarchies()


def test_a_missing_hierarchy_is_named(parts, monkeypatch):
    """Kubernetes needs five; what is missing is said before anything starts."""
    groups = parts["control_groups"]
    monkeypatch.setattr(groups, "_own_groups", lambda: {"cpu,cpuacct": "/a", "memory": "/"})
    monkeypatch.setattr(groups, "_mounted", lambda: {"cpu,cpuacct": ("/", Path("/x")), "memory": ("/", Path("/y"))})

    with pytest.raises(parts["state"].ClusterError, match="no control group hierarchy cpuset, name=systemd"):
        groups.hierarchies()


def test_groups_of_a_container(parts, monkeypatch):
    """Where only a part of the hierarchy is mounted, the group's path is taken below that part."""
    groups = parts["control_groups"]
    names = ("cpu,cpuacct", "cpuset", "memory", "name=systemd")
    monkeypatch.setattr(groups, "_own_groups", lambda: dict.fromkeys(names, "/docker/abc/build"))
    monkeypatch.setattr(groups, "_mounted", lambda: {name: ("/docker/abc", Path("/groups", name)) for name in names})

    assert groups.hierarchies()["memory"] == Path("/groups/memory/build")


def test_names_in_an_archive(parts, tmp_path):
    """An archive of ours says by which name its image is known; Docker's form is read as well."""
    ours, docker = tmp_path / "ours.tar", tmp_path / "docker.tar"
    (tmp_path / "pause").write_text("a program")
    (tmp_path / "manifest.json").write_text('[{"RepoTags": ["one:1", "two:2"]}]')
    parts["oci"].write_program(ours, tmp_path / "pause", "localhost/pause:1")
    with tarfile.open(docker, "w") as files:
        files.add(tmp_path / "manifest.json", "manifest.json")

    assert parts["oci"].names(ours) == ["localhost/pause:1"]
    assert parts["oci"].names(docker) == ["one:1", "two:2"]
