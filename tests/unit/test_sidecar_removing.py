"""`autosearch sidecar --remove`: what goes from the output, and what never does."""

import os

import pytest

from autosearch.sidecar.main import main


@pytest.fixture
def output(tmp_path):
    """A job's output with three attempts, and a folder beside it."""
    folder = tmp_path / "autosearch" / "output"
    for name in ("0-1", "0-2", "0-2-r1"):
        (folder / name / "inner").mkdir(parents=True)
        (folder / name / "inner" / "model.pkl").write_bytes(b"x")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_text("kept")
    return folder


def remove(output, *names):
    """Run the command and give its exit code."""
    return main(["--root", str(output.parents[1]), "--remove", *names])


def test_directories_go_and_each_is_told_once(output, capsys):
    """One line per directory; what is named twice or missing is gone, and the others stay."""
    assert remove(output, "0-1", "0-9", "0-2-r1", "0-1") == 0
    assert [path.name for path in output.iterdir()] == ["0-2"]
    assert capsys.readouterr().out == "removed 0-1\nremoved 0-2-r1\n"
    assert remove(output, "0-1", "0-2-r1") == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["..", ".", "", "../outside", "0-2/inner", "/etc", "0-2/", "0-2/../../outside"])
def test_a_name_that_is_no_plain_one_is_refused_before_anything_goes(output, name, capsys):
    """Absolute paths, steps up and deeper paths are wrong input."""
    assert remove(output, "0-1", name) == 2
    assert sorted(path.name for path in output.iterdir()) == ["0-1", "0-2", "0-2-r1"]
    assert (output.parents[1] / "outside" / "kept").exists()
    assert "write the plain name of a directory" in capsys.readouterr().err


def test_links_are_removed_and_never_followed(output):
    """Neither a link in a directory's place nor one in a directory leads the removal elsewhere."""
    outside = output.parents[1] / "outside"
    (output / "0-3").symlink_to(outside)
    (output / "0-1" / "inner" / "away").symlink_to(outside)
    (output / "0-1" / "file").symlink_to(outside / "kept")
    assert remove(output, "0-1", "0-3") == 0
    assert (outside / "kept").read_text() == "kept"
    assert sorted(path.name for path in output.iterdir()) == ["0-2", "0-2-r1"]


def test_a_file_or_pipe_in_a_directorys_place_goes(output):
    """What is in a trial's place is the trial's."""
    (output / "0-4").write_text("x")
    os.mkfifo(output / "0-5")
    assert remove(output, "0-4", "0-5") == 0
    assert not (output / "0-4").exists()
    assert not (output / "0-5").exists()


def test_what_cannot_go_is_told_and_the_rest_goes(output, monkeypatch, capsys):
    """A failure costs the exit code, and no other directory."""
    real = os.rmdir

    def rmdir(name, *, dir_fd):
        if name == "0-1":
            raise PermissionError(13, "Permission denied", name)
        real(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "rmdir", rmdir)
    assert remove(output, "0-1", "0-2") == 1
    said = capsys.readouterr()
    assert said.out == "removed 0-2\n"
    assert "0-1 is not gone: 0-1: Permission denied" in said.err
    assert not (output / "0-1" / "inner").exists()


def test_an_output_that_is_not_mounted_is_told(tmp_path, capsys):
    """Nothing is taken for gone when there is nothing to look at."""
    assert main(["--root", str(tmp_path), "--remove", "0-1"]) == 1
    assert "the output folder cannot be opened" in capsys.readouterr().err
