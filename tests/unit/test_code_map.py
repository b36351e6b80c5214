"""Code as a ConfigMap: what goes in, under which keys, how large it may be, and that its name tells its content."""

import base64
import os
import shutil
import socket

import pytest

from autosearch.api.errors import InvalidInputError
from autosearch.kubernetes.code_map import MOST_BYTES, MOST_FILES, read_code


def folder_of(root, files: dict[str, bytes | str]):
    """Write files by their path."""
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def problem_of(root) -> str:
    """Give the one problem that a folder has."""
    with pytest.raises(InvalidInputError) as caught:
        read_code(root)
    (problem,) = caught.value.problems
    return str(problem)


def test_subfolders_keep_their_paths(tmp_path):
    """Keys are flattened names, as a ConfigMap has no folders; `items` puts each file back into its own."""
    made = read_code(folder_of(tmp_path, {"train.py": "a", "model/__init__.py": "", "model/net.py": "b"}))

    assert made.items == [
        {"key": "model.__init__.py", "path": "model/__init__.py"},
        {"key": "model.net.py", "path": "model/net.py"},
        {"key": "train.py", "path": "train.py"},
    ]
    assert made.data == {"model.__init__.py": "", "model.net.py": "b", "train.py": "a"}
    assert made.source("iris")["volume"]["configMap"] == {"name": made.name("iris"), "items": made.items}


def test_names_that_flatten_alike_get_keys_of_their_own(tmp_path):
    """No file hides another one, and every key is one that a ConfigMap takes."""
    made = read_code(
        folder_of(tmp_path, {"a/b.py": "1", "a.b.py": "2", "ü/c d.py": "3", "l" * 200 + "/" + "m" * 200: "4"})
    )

    assert sorted(made.data.values()) == ["1", "2", "3", "4"]
    assert {item["path"]: made.data[item["key"]] for item in made.items}["a.b.py"] == "2"
    for key in made.data:
        assert len(key) <= 253
        assert key.isascii()
        assert set("/ ").isdisjoint(key)


def test_what_is_no_text_is_kept_byte_by_byte(tmp_path):
    """Files that are not UTF-8 go into binaryData as base64."""
    content = bytes(range(256))
    made = read_code(folder_of(tmp_path, {"weights.bin": content, "train.py": "ä"}))

    assert base64.b64decode(made.binary_data["weights.bin"]) == content
    assert made.data == {"train.py": "ä"}
    assert made.size == 258


def test_an_executable_keeps_its_bit(tmp_path):
    """A script that is started by its name still can be."""
    folder_of(tmp_path, {"run.sh": "#!/bin/sh", "train.py": ""})
    (tmp_path / "run.sh").chmod(0o755)

    assert [item.get("mode") for item in read_code(tmp_path).items] == [0o755, None]


def test_what_is_no_code_is_left_out(tmp_path):
    """`.git` and `__pycache__` at any depth, dead links, pipes, and names that the trial needs for other things."""
    folder_of(
        tmp_path,
        {
            "train.py": "",
            ".git/config": "",
            "pkg/__pycache__/a.pyc": "",
            "pkg/output": "",
            "output/x": "",
            ".hidden": "",
        },
    )
    (tmp_path / "nowhere").symlink_to("gone")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        made = read_code(tmp_path, left_out=["output"])

    assert [item["path"] for item in made.items] == [".hidden", "pkg/output", "train.py"]


def test_the_same_content_has_the_same_name_everywhere(tmp_path):
    """Names depend on contents, paths and executability alone, not on times, order or place."""
    files = {"train.py": "a", "pkg/net.py": "b"}
    one = read_code(folder_of(tmp_path / "one", files))
    other = read_code(folder_of(tmp_path / "two", dict(reversed(files.items()))))
    os.utime(tmp_path / "two" / "train.py", (1, 1))

    assert one.name("iris") == other.name("iris") == read_code(tmp_path / "two").name("iris")
    # A name made on one machine is looked for from another: it must not change with the version of anything.
    assert one.name("iris") == "iris-code-10916bcbb6"


@pytest.mark.parametrize(
    "change",
    [{"train.py": "A"}, {"pkg/net.py": b"\xff"}, {"more.py": ""}],
    ids=["another text", "another binary", "another file"],
)
def test_other_content_has_another_name(tmp_path, change):
    """Whatever differs in what a trial would see, the name differs, so that no job's code ever changes under it."""
    files = {"train.py": "a", "pkg/net.py": "b"}
    before = read_code(folder_of(tmp_path, files)).digest

    assert read_code(folder_of(tmp_path, change)).digest != before


def test_a_moved_file_and_a_mode_make_another_name(tmp_path):
    """The same bytes at another path, or executable, are other code."""
    made = {read_code(folder_of(tmp_path, {"a.py": "x"})).digest}
    (tmp_path / "a.py").chmod(0o755)
    made.add(read_code(tmp_path).digest)
    shutil.move(tmp_path / "a.py", tmp_path / "b.py")
    made.add(read_code(tmp_path).digest)

    assert len(made) == 3


def test_a_folder_of_900_kilobytes_fits_and_one_byte_more_does_not(tmp_path):
    """The message names the largest files, largest first, and where data belong."""
    folder_of(tmp_path, {"train.py": "x" * 100, "data/big.csv": b"x" * (MOST_BYTES - 100)})
    assert read_code(tmp_path).size == MOST_BYTES

    folder_of(tmp_path, {"one.more": "x"})
    told = problem_of(tmp_path)
    assert "at most 900 kB" in told
    assert "data/big.csv (900 kB), train.py (0.1 kB), one.more (0.0 kB)" in told
    assert "spec.trainData" in told


def test_more_files_than_a_volume_takes_are_told(tmp_path):
    """A job's volume lists at most 1,000 files; the API server's schema would refuse more in other words."""
    assert len(read_code(folder_of(tmp_path, {f"{number}.py": "" for number in range(MOST_FILES)})).items) == 1000

    assert "1,001 files; at most 1,000 files fit" in problem_of(folder_of(tmp_path, {"one.more": ""}))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda root: None, "holds no file"),
        (lambda root: (root / "data").symlink_to("/usr"), "put the folder itself there"),
        (lambda root: (root / "..x").touch(), "begins with `..`"),
        (lambda root: (root / os.fsdecode(b"\xff.py")).touch(), "is not UTF-8"),
        (lambda root: root.rmdir(), "give a folder that exists"),
    ],
    ids=["empty", "link to a folder", "two dots", "name of bytes", "no folder"],
)
def test_what_no_map_can_hold_is_told(tmp_path, make, said):
    """Each sort of folder that cannot be sent is named with what to do."""
    root = tmp_path / "code"
    root.mkdir()
    make(root)

    assert said in problem_of(root)


def test_a_stored_map_is_taken_only_with_the_same_content_and_for_good(tmp_path):
    """A ConfigMap of our name that holds something else, or may change, is not ours."""
    made = read_code(folder_of(tmp_path, {"train.py": "a", "w.bin": b"\xff"}))
    stored = made.manifest("iris")

    assert made.holds(stored)
    assert not made.holds({**stored, "immutable": False})
    assert not made.holds({**stored, "data": {"train.py": "b"}})
    assert not made.holds({key: value for key, value in stored.items() if key != "binaryData"})
