"""`autosearch push` and `pull` against a stand-in that speaks the exec protocol and runs their scripts for real.

A real kubelet, real mounts and users: tests/e2e/test_transfer.py.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.contract.exec_stand_in import StandIn

from autosearch.cli import main

ROOT = Path(__file__).parents[2]
UID = "12345678-0000-0000-0000-000000000000"
GROUP = "/apis/autosearch.dev/v1alpha1/namespaces/default"
OWNER = {"apiVersion": "autosearch.dev/v1alpha1", "kind": "AutoSearchJob", "name": "mnist", "uid": UID}
CLAIM = {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "metadata": {"name": "data"}}
SHELLS = [pytest.param(["sh"], id="sh")]
if shutil.which("busybox"):
    SHELLS.append(pytest.param(["busybox", "sh"], id="busybox"))


def a_job(**template):
    """Give a job with a finished trial, whose model is in mnist-12345678/0-3 of what its pods see."""
    container = {"name": "trial", "image": "my/torch:1", "command": ["python"], "securityContext": {"runAsUser": 1000}}
    return {
        "apiVersion": "autosearch.dev/v1alpha1",
        "kind": "AutoSearchJob",
        "metadata": {"name": "mnist", "uid": UID},
        "spec": {
            "objective": {"metric": "acc", "direction": "Maximize"},
            "parameters": [{"name": "lr", "float": {"min": 0.1, "max": 1}}],
            "maxTrials": 2,
            "output": {"volume": {"persistentVolumeClaim": {"claimName": "data"}}, "subPath": "team"},
            "template": {"spec": {"containers": [container], "tolerations": [{"key": "gpu"}], **template}},
        },
        "status": {"best": {"trialName": "mnist-12345678-0-3", "value": 0.9, "parameters": {"lr": 0.5}}},
    }


def a_trial(number, **status):
    """Give a trial of that job."""
    return {
        "apiVersion": "autosearch.dev/v1alpha1",
        "kind": "Trial",
        "metadata": {"name": f"mnist-12345678-0-{number}", "ownerReferences": [OWNER]},
        "spec": {
            "jobName": "mnist",
            "number": number,
            "trialId": f"0-{number}",
            "parameters": {"lr": 0.5},
            "sampler": "random",
        },
        "status": {"state": "Succeeded", "value": 0.9, **status},
    }


@pytest.fixture
def volume(tmp_path):
    """The claim's root."""
    folder = tmp_path / "volume"
    folder.mkdir()
    return folder


@pytest.fixture
def stand_in(volume):
    """A cluster with the claim `data`, and the search `mnist` with one model kept and one not."""
    model = volume / "mnist-12345678" / "0-3"
    (model / "deep").mkdir(parents=True)
    (model / "model.pkl").write_bytes(os.urandom(300_000))
    (model / "deep" / ("n" * 150)).write_text("a long name")
    (model / "empty").touch()
    (model / "link").symlink_to("/etc/passwd")
    trials = [a_trial(2, state="Failed"), a_trial(3, modelPath="mnist-12345678/0-3"), a_trial(4)]
    listed = {"kind": "TrialList", "metadata": {"resourceVersion": "1"}, "items": trials}
    objects = {
        "/api/v1/namespaces/default/persistentvolumeclaims/data": CLAIM,
        f"{GROUP}/autosearchjobs/mnist": a_job(),
        f"{GROUP}/trials": listed,
    }
    with StandIn(volume, objects=objects) as running:
        yield running


@pytest.fixture
def source(tmp_path):
    """A folder with all that a folder may hold."""
    folder = tmp_path / "source"
    (folder / "a" / "empty").mkdir(parents=True)
    (folder / "big.bin").write_bytes(os.urandom(1_000_001))
    (folder / "a" / ("ü" * 100)).write_text("a long name")
    (folder / "a" / "none").touch()
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "alias").symlink_to(folder / "run.sh")
    return folder


@pytest.fixture
def call(stand_in, tmp_path):
    """Give a function that runs a command against the stand-in."""
    return lambda *words: main([*map(str, words), "--kubeconfig", str(stand_in.kubeconfig(tmp_path))])


def contents(folder):
    """Give all files below a folder, and the folders that hold nothing."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if path.is_file() or not any(path.iterdir())
    }


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("protocols", [("v5.channel.k8s.io", "v4.channel.k8s.io"), ("v4.channel.k8s.io",)])
def test_a_folder_arrives_whole(call, stand_in, source, volume, capsys, shell, protocols):
    """All files, empty ones and long names included, are on the claim, and the pod is gone."""
    stand_in.shell, stand_in.protocols = shell, protocols

    assert call("push", source, "pvc://data/sets/mnist") == 0
    assert contents(volume / "sets" / "mnist") == contents(source)
    assert os.access(volume / "sets" / "mnist" / "run.sh", os.X_OK)
    assert [path.name for path in (volume / "sets").iterdir()] == ["mnist"]
    assert not stand_in.pods
    assert stand_in.spoken == [protocols[0]]
    said = capsys.readouterr()
    assert said.out.startswith("pvc://data/sets/mnist in namespace default: 5 files, 1.0 MB")
    assert "100 %" in said.err


@pytest.mark.parametrize("shell", SHELLS)
def test_the_best_model_is_fetched(call, stand_in, volume, tmp_path, capsys, shell):
    """A pod with the trial's image and user reads the best trial's folder; links are left out, and told."""
    stand_in.shell = shell

    assert call("pull", "mnist", tmp_path / "model") == 0
    found = contents(volume / "mnist-12345678" / "0-3")
    found.pop("link")
    assert contents(tmp_path / "model") == found
    assert "note: link is a link or a device, and was left out" in capsys.readouterr().err
    [pod] = stand_in.made
    container = pod["spec"]["containers"][0]
    assert container["image"] == "my/torch:1"
    assert container["securityContext"]["runAsUser"] == 1000
    assert container["volumeMounts"][0] | {"name": ""} == {
        "name": "",
        "mountPath": "/transfer",
        "subPath": "team",
        "readOnly": True,
    }
    assert pod["spec"]["tolerations"] == [{"key": "gpu"}]
    assert not stand_in.pods


def test_the_pod_has_no_token_and_ends_by_itself(call, stand_in, source):
    """The pod gets no account's token, may not gain rights, and has an end of its own."""
    call("push", source, "pvc://data/x", "--image", "tools:1", "--run-as", "1234")

    spec = stand_in.made[0]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["activeDeadlineSeconds"] <= 24 * 3600
    assert spec["containers"][0]["image"] == "tools:1"
    assert spec["containers"][0]["securityContext"] == {
        "runAsUser": 1234,
        "runAsGroup": 1234,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_like_takes_image_and_user_of_a_job(call, stand_in, source):
    """With --like the pod is as the job's trials are, so that its files are theirs."""
    assert call("push", source, "pvc://data/x", "--like", "mnist") == 0
    container = stand_in.made[0]["spec"]["containers"][0]
    assert (container["image"], container["securityContext"]["runAsUser"]) == ("my/torch:1", 1000)


def test_nothing_is_replaced_unasked(call, source, volume, capsys):
    """A folder that is there stays as it is, and the exit code is 2; with --replace the new one takes its place."""
    (volume / "x").mkdir()
    (volume / "x" / "old").touch()

    assert call("push", source, "pvc://data/x") == 2
    assert "pvc://data/x is there already: --replace" in capsys.readouterr().err
    assert contents(volume / "x") == {"old": b""}
    assert call("push", source, "pvc://data/x", "--replace") == 0
    assert contents(volume / "x") == contents(source)
    assert sorted(path.name for path in volume.iterdir()) == ["mnist-12345678", "x"]


def test_a_broken_connection_leaves_nothing(call, stand_in, source, volume, capsys):
    """After a connection that broke in the middle there is no folder, no rest of one, no pod, and a sentence."""
    stand_in.breaks_after = 400_000

    assert call("push", source, "pvc://data/x") == 1
    assert "the connection to the container broke" in capsys.readouterr().err
    assert [path.name for path in volume.iterdir()] == ["mnist-12345678"]
    assert not stand_in.pods


def test_root_is_tried_where_nobody_may_not_write(call, stand_in, source, volume):
    """Where the plain user may not write a second pod runs as root."""
    stand_in.prelude["push"] = f'[ -e "{volume}/tried" ] || {{ touch "{volume}/tried"; {REFUSED} }}'

    assert call("push", source, "pvc://data/x") == 0
    users = [pod["spec"]["containers"][0]["securityContext"]["runAsUser"] for pod in stand_in.made]
    assert users == [65532, 0]
    assert contents(volume / "x") == contents(source)


def test_a_policy_that_lets_no_root_in_is_quoted(call, stand_in, source, capsys):
    """Both reasons are told: the plain user may not write, and the policy forbids root."""
    stand_in.prelude["push"] = REFUSED
    words = 'pods "it" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'
    stand_in.refuse = lambda pod: "" if pod["spec"]["containers"][0]["securityContext"]["runAsNonRoot"] else words

    assert call("push", source, "pvc://data/x") == 1
    said = capsys.readouterr().err
    assert "may not write to pvc://data/x" in said
    assert "violates PodSecurity" in said
    assert "--run-as" in said
    assert not stand_in.pods


REFUSED = 'echo "mkdir: cannot create directory: Permission denied" >&2; exit 71;'
FULL = 'tar() { cat > /dev/null; echo "tar: big.bin: Cannot write: No space left on device" >&2; return 2; }'
FLIPPED = 'sha256sum() { command sha256sum "$@"; echo "00  ./more"; }; find() { echo "00  ./big.bin"; }'


@pytest.mark.parametrize(
    ("prelude", "words"),
    [
        (FULL, "the volume is full (tar: big.bin: Cannot write: No space left on device)"),
        (FLIPPED, "did not arrive as it was sent; nothing was kept"),
        ("tar() { exit 127; }", "the image has no sh, tar or sha256sum"),
    ],
    ids=["full", "damaged", "no tar"],
)
def test_what_goes_wrong_in_the_container_is_told(call, stand_in, source, volume, capsys, prelude, words):
    """A full volume, damage on the way and an image without tar each have their sentence, and leave nothing."""
    stand_in.prelude["push"] = prelude

    assert call("push", source, "pvc://data/x") == 1
    assert words in capsys.readouterr().err
    assert [path.name for path in volume.iterdir()] == ["mnist-12345678"]
    assert not stand_in.pods


def test_a_volume_that_is_full_at_once_ends_the_sending(call, stand_in, source, volume, capsys):
    """Where tar ends long before all is sent, its own words are told, not that the connection broke."""
    with (source / "large").open("wb") as file:
        file.truncate(100_000_000)
    stand_in.prelude["push"] = FULL.replace("cat > /dev/null;", "")

    assert call("push", source, "pvc://data/x") == 1
    assert "the volume is full" in capsys.readouterr().err
    assert [path.name for path in volume.iterdir()] == ["mnist-12345678"]
    assert not stand_in.pods


def test_a_search_that_keeps_no_models_is_told(call, stand_in, tmp_path, capsys):
    """Without `spec.output` there is nothing to fetch."""
    del stand_in.objects[f"{GROUP}/autosearchjobs/mnist"]["spec"]["output"]

    assert call("pull", "mnist", tmp_path / "model") == 1
    assert "mnist keeps no models: its spec has no output" in capsys.readouterr().err


def waiting(reason, message):
    """Give the status of a pod whose container waits."""
    state = {"waiting": {"reason": reason, "message": message}}
    return {"phase": "Pending", "containerStatuses": [{"name": "transfer", "image": "it:1", "state": state}]}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (waiting("InvalidImageName", "invalid reference"), "`it:1` of container `transfer` is no image name"),
        (waiting("CreateContainerConfigError", "image will run as root"), "name a user that the image"),
        ({"phase": "Pending"}, "did not start within 1 s, and nothing says why"),
        ({"phase": "Failed", "message": 'exec: "sh": executable file not found'}, "has sh, tar and sha256sum"),
    ],
    ids=["image", "user", "silent", "ended"],
)
def test_a_pod_that_does_not_start_is_explained(call, stand_in, source, capsys, status, words):
    """The reason is told with what to do about it, and the pod is removed."""
    stand_in.status = status

    assert call("push", source, "pvc://data/x", "--wait", "1") == 1
    assert words in capsys.readouterr().err
    assert not stand_in.pods


def test_who_may_not_exec_is_told_so(call, stand_in, source, capsys):
    """The sentence names the right that is missing, in RBAC's words, and the pod is removed."""
    stand_in.exec_refusal = 403

    assert call("push", source, "pvc://data/x") == 1
    assert "you may not get pods/exec in namespace default (403 Forbidden)" in capsys.readouterr().err
    assert not stand_in.pods


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("push", "SOURCE", "pvc://gone/x"), "there is no PersistentVolumeClaim gone in namespace default"),
        (("push", "SOURCE", "pvc://data"), "name a folder on the claim, such as pvc://data/mnist"),
        (("push", "SOURCE", "pvc://data/a/../b"), "has `..`"),
        (("push", "SOURCE", "data/x"), "write pvc://CLAIM/PATH"),
        (("push", "SOURCE/none", "pvc://data/x"), "is no folder"),
        (("push", "SOURCE/a/empty", "pvc://data/x"), "holds no file"),
        (("pull", "mnist", "--trial", "0-9", "SOURCE/m"), "is no trial of mnist: 0-2, 0-3, 0-4"),
        (("pull", "mnist", "--trial", "0-2", "SOURCE/m"), "only a trial that has succeeded has a model"),
        (("pull", "mnist", "--trial", "0-4", "SOURCE/m"), "has no model"),
        (("pull", "mnist", "SOURCE"), "is there already, and not an empty folder"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_what_cannot_be_is_refused_before_a_pod_is_made(call, stand_in, source, capsys, words, said):
    """A wrong claim, path, folder or trial is told at once."""
    assert call(*(word.replace("SOURCE", str(source)) for word in words)) in {1, 2}
    assert said in capsys.readouterr().err
    assert not stand_in.made


def test_a_model_that_is_gone_from_the_volume_is_told(call, stand_in, volume, tmp_path, capsys):
    """Where somebody removed the folder, nothing is made here."""
    shutil.rmtree(volume / "mnist-12345678")

    assert call("pull", "mnist", tmp_path / "model") == 1
    assert "mnist-12345678/0-3 cannot be opened on the volume" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()
    assert not list(tmp_path.glob(".model*"))


def test_links_to_folders_and_devices_are_not_sent(call, stand_in, source, capsys):
    """All that is neither file nor folder is named at once."""
    (source / "loop").symlink_to(source)
    (source / "gone").symlink_to(source / "nothing")
    os.mkfifo(source / "pipe")

    assert call("push", source, "pvc://data/x") == 2
    said = capsys.readouterr().err
    assert all(name in said for name in ("/loop", "/gone", "/pipe"))
    assert not stand_in.made


def test_an_interruption_leaves_nothing(stand_in, source, volume, tmp_path):
    """Ctrl-C in the middle: exit code 130, no rest of the folder, no pod."""
    stand_in.prelude["push"] = 'tar() { touch "$new/begun"; sleep 60; }'
    words = ["push", str(source), "pvc://data/x", "--kubeconfig", str(stand_in.kubeconfig(tmp_path))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "operator")}
    process = subprocess.Popen([sys.executable, "-m", "autosearch", *words], env=environment, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not list(volume.glob(".x.*/begun")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)

    assert process.returncode == 130
    assert [path.name for path in volume.iterdir()] == ["mnist-12345678"]
    assert not stand_in.pods
