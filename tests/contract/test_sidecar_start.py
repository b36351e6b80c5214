"""How a sidecar starts: what it copies, what it refuses, and what it says then."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.contract.pods import wait_until

from autosearch.sidecar.settings import SETTINGS


def test_a_configmap_is_copied_as_the_files_it_holds(make_pod):
    """Subfolders included, without the kubelet's bookkeeping, writable and runnable for any user."""
    pod = make_pod(copies_code=True)
    pod.mount_code({"train.py": "import pkg.net", "pkg/net.py": "x = 1", "pkg/deep/er.py": "", "run.sh": "echo"})
    (Path(pod.places.code) / "..data" / "run.sh").chmod(0o555)
    pod.start()
    copied = sorted(str(path.relative_to(pod.work)) for path in pod.work.rglob("*"))
    assert copied == ["output", "pkg", "pkg/deep", "pkg/deep/er.py", "pkg/net.py", "run.sh", "train.py"]
    modes = {name: stat.S_IMODE((pod.work / name).lstat().st_mode) for name in ("pkg/deep", "pkg/net.py", "run.sh")}
    assert modes == {"pkg/deep": 0o777, "pkg/net.py": 0o666, "run.sh": 0o777}
    assert not (pod.work / "train.py").is_symlink()
    assert stat.S_IMODE(Path(pod.places.socket).stat().st_mode) == 0o666


def test_a_volume_with_folders_is_copied_without_git_caches_and_output(make_pod):
    """What is no code stays out, and a link stays one: it is never followed, so it cannot bring our token in."""
    pod = make_pod(copies_code=True)
    code = Path(pod.places.code)
    for name in ("train.py", ".git/config", "src/__pycache__/x.pyc", "src/output/kept.txt", "output/old.pkl"):
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).write_text(name)
    (code / "leak").symlink_to(pod.places.token)
    pod.start()
    copied = sorted(str(path.relative_to(pod.work)) for path in pod.work.rglob("*") if not path.is_dir())
    assert copied == ["leak", "src/output/kept.txt", "train.py"]
    assert (pod.work / "leak").readlink() == Path(pod.places.token)


def test_a_directory_that_exists_is_refused_again_and_again(make_pod):
    """The trial never starts, and the operator takes the next attempt id."""
    pod = make_pod()
    pod.save_model()
    for _ in range(2):
        assert pod.start(ready=False).wait(20) == 1
        assert pod.verdict.fault == "DirectoryExists"
        assert "output/iris-1a2b3c4d/0-3 existed" in pod.verdict.message
    assert not Path(pod.places.ready).exists()


def remove_output(pod):
    pod.output.rmdir()


def code_with_a_pipe(pod):
    os.mkfifo(f"{pod.places.code}/feed")


def run_folder_away(pod):
    Path(pod.places.socket).mkdir()


def state_folder_away(pod):
    Path(pod.places.state).rmdir()


@pytest.mark.parametrize(
    ("breaking", "fault", "message"),
    [
        (remove_output, "OutputUnwritable", "output: no folder is mounted at"),
        (code_with_a_pipe, "CopyFailed", "code/feed: it is a pipe, socket or device"),
        (run_folder_away, "SocketFailed", "the report socket cannot be opened"),
        (state_folder_away, "StateUnwritable", "No such file or directory"),
    ],
)
def test_what_keeps_a_trial_from_starting_is_told(make_pod, breaking, fault, message):
    """The termination message has one word for the operator and a sentence for people."""
    pod = make_pod(copies_code=True)
    breaking(pod)
    assert pod.start(ready=False).wait(20) == 1
    assert pod.verdict.fault == fault
    assert message in pod.verdict.message
    assert not Path(pod.places.ready).exists()
    assert pod.verdict.message in pod.log


@pytest.mark.parametrize("settings", ["", "[]", "{", '{"job_id": "x"}', '{"framework": "Cobol"}', "null"])
def test_unreadable_settings_are_told(make_pod, settings):
    """An operator of another version is found out by its name for it, not by a traceback."""
    pod = make_pod()
    assert pod.start(ready=False, **{SETTINGS: settings}).wait(20) == 1
    assert pod.verdict.fault == "SettingsInvalid"
    assert SETTINGS in pod.verdict.message
    assert "Traceback" not in pod.log


def test_it_ends_at_once_while_it_copies(make_pod):
    """SIGTERM before the trial starts does not wait for the end of a long copy."""
    pod = make_pod(copies_code=True)
    with (Path(pod.places.code) / "huge").open("wb") as file:
        file.truncate(1 << 40)
    sidecar = pod.start(ready=False)
    wait_until((pod.work / "huge").exists)
    assert pod.ended(sidecar) == 0


def test_serving_loads_the_standard_library_alone():
    """A sidecar's memory is each pod's: no pydantic, no numpy, and HTTPS only when there is something to send."""
    program = "import autosearch.sidecar.serving, sys, json; print(json.dumps(sorted(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    loaded = {name.partition(".")[0] for name in json.loads(printed)}
    ours = {name for name in json.loads(printed) if name.startswith("autosearch.")}
    assert ours == {
        "autosearch.reporting",
        *(f"autosearch.reporting.{name}" for name in ("checks", "inbox", "messages", "tree")),
        "autosearch.sidecar",
        *(f"autosearch.sidecar.{name}" for name in SERVING),
    }
    assert not loaded & {"pydantic", "numpy", "yaml", "ssl", "http", "asyncio", "argparse", "aiohttp"}


SERVING = ("copying", "faults", "forwarding", "keeping", "places", "preparing", "serving", "settings")


@pytest.mark.parametrize("command", [["-m", "autosearch", "sidecar"], ["-m", "autosearch.sidecar"]])
def test_the_command_explains_itself(command):
    """`--help` says what the flags do, by either name."""
    done = subprocess.run([sys.executable, *command, "--help"], check=True, capture_output=True, text=True)
    assert "usage: autosearch sidecar" in done.stdout
    assert all(flag in done.stdout for flag in ("--copy FROM TO", "--remove DIR", "exit codes:"))
