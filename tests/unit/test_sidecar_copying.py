"""`autosearch sidecar --copy`: what a private copy holds."""

import os
import stat
from pathlib import Path

import pytest

from autosearch.sidecar.copying import copy_folder
from autosearch.sidecar.main import main
from autosearch.sidecar.settings import Verdict


@pytest.fixture
def source(tmp_path):
    """A folder of data."""
    folder = tmp_path / "source"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "x.bin").write_bytes(bytes(range(256)) * 9000)
    (folder / "run").write_text("#!/bin/sh")
    (folder / "run").chmod(0o500)
    return folder


def copy(source, target, root):
    """Run the command, and give its exit code and its termination message."""
    (root / "dev").mkdir(exist_ok=True)
    code = main(["--copy", str(source), str(target), "--root", str(root)])
    message = root / "dev" / "termination-log"
    return code, Verdict.from_json(message.read_text()) if message.exists() else None


def test_a_copy_is_equal_and_anybody_may_write_it(source, tmp_path):
    """Files and folders arrive whole, open to any user, in a folder that is there or not."""
    for target in (tmp_path / "new", tmp_path / "mounted"):
        (tmp_path / "mounted").mkdir(exist_ok=True)
        assert copy(source, target, tmp_path) == (0, None)
        assert (target / "a/b/x.bin").read_bytes() == (source / "a/b/x.bin").read_bytes()
        modes = [stat.S_IMODE((target / name).stat().st_mode) for name in ("", "a", "a/b", "a/b/x.bin", "run")]
        assert modes == [0o777, 0o777, 0o777, 0o666, 0o777]


def test_a_copy_that_was_broken_off_is_made_again(source, tmp_path):
    """A restarted container finds its own half copy, replaces it, and writes through no link in it."""
    target, outside = tmp_path / "target", tmp_path / "outside"
    outside.write_text("untouched")
    (source / "link").symlink_to("run")
    assert copy(source, target, tmp_path)[0] == 0
    (target / "a/b/x.bin").write_bytes(b"half")
    (target / "run").unlink()
    (target / "run").symlink_to(outside)
    assert copy(source, target, tmp_path) == (0, None)
    assert (target / "a/b/x.bin").stat().st_size == 256 * 9000
    assert (target / "run").read_text() == "#!/bin/sh"
    assert outside.read_text() == "untouched"


def test_links_stay_links_wherever_they_lead(source, tmp_path):
    """A link is copied with its text, as a mount would show it: never what it leads to."""
    links = {"in": "a/b/x.bin", "up": "../secret", "far": "/etc/hostname", "nowhere": "gone", "round": "."}
    (tmp_path / "secret").write_text("secret")
    for name, text in links.items():
        (source / name).symlink_to(text)
        (source / "a" / name).symlink_to(text)
    assert copy(source, tmp_path / "target", tmp_path) == (0, None)
    for name, text in links.items():
        assert (tmp_path / "target" / name).readlink() == Path(text)
        assert (tmp_path / "target" / "a" / name).readlink() == Path(text)


@pytest.mark.parametrize("data", ["..2026", "/etc", "..", "../source/..2026", "link"])
def test_only_the_kubelets_own_link_is_followed(tmp_path, data):
    """A folder that merely looks like a ConfigMap leads nowhere."""
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "..2026").mkdir(parents=True)
    (source / "..2026" / "hostname").write_text("ours")
    (source / "link").symlink_to("/etc")
    (source / "..data").symlink_to(data)
    (source / "hostname").symlink_to("..data/hostname")
    (source / "other").symlink_to("..data/hostname")
    code, _ = copy(source, target, tmp_path)
    copied = target / "hostname"
    if data == "..2026":
        assert (code, copied.is_symlink(), copied.read_text()) == (0, False, "ours")
        assert (target / "other").is_symlink()
    else:
        assert not copied.exists() or copied.is_symlink()
    assert not (target / "..2026").exists()


def test_what_is_no_file_is_refused_by_name(source, tmp_path):
    """A pipe holds no data: the message says where it is."""
    os.mkfifo(source / "a" / "pipe")
    code, verdict = copy(source, tmp_path / "target", tmp_path)
    assert (code, verdict.fault) == (1, "CopyFailed")
    assert f"{source}/a/pipe: it is a pipe, socket or device" in verdict.message


def test_a_source_that_is_missing_or_a_file_is_refused(source, tmp_path):
    """The message names the path and what the system says."""
    for wrong, said in ((tmp_path / "gone", "No such file"), (source / "run", "Not a directory")):
        code, verdict = copy(wrong, tmp_path / "target", tmp_path)
        assert (code, verdict.fault) == (1, "CopyFailed")
        assert str(wrong) in verdict.message
        assert said in verdict.message


def test_a_full_disk_is_told(source, monkeypatch, tmp_path):
    """The message says which file did not fit, and what that means."""

    def full(_above, _name, _below):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("autosearch.sidecar.copying._copy_file", full)
    code, verdict = copy(source, tmp_path / "target", tmp_path)
    assert (code, verdict.fault) == (1, "CopyFailed")
    assert "No space left on device: the node's disk, or the volume's size limit, is full" in verdict.message
    assert str(source) in verdict.message


def test_a_folder_too_deep_is_refused_without_a_traceback(tmp_path):
    """A tree without end ends by a limit."""
    source = tmp_path / "source"
    source.mkdir()
    at = source
    for _ in range(70):
        at /= "d"
        at.mkdir()
    code, verdict = copy(source, tmp_path / "target", tmp_path)
    assert code == 1
    assert "folders more than 64 deep" in verdict.message


def test_names_that_are_left_out_are_not_copied(source, tmp_path):
    """Some names count at any depth, some in the folder itself alone."""
    (source / "a" / "run").write_text("kept")
    copy_folder(str(source), str(tmp_path / "target"), nowhere=("b",), not_on_top=("run",))
    copied = sorted(str(path.relative_to(tmp_path / "target")) for path in Path(tmp_path / "target").rglob("*"))
    assert copied == ["a", "a/run"]
