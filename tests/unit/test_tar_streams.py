"""Folders as tar streams: what goes in comes out, and nothing of what others write gets out of the folder."""

import io
import subprocess
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autosearch.api.errors import EnvironmentFaultError
from autosearch.kubernetes.tar_packing import pack
from autosearch.kubernetes.tar_unpacking import Unpacking

NAMES = st.text(st.characters(exclude_characters="/\\\n\0", exclude_categories=["Cs"]), min_size=1, max_size=60)
TREES = st.dictionaries(
    st.lists(NAMES.filter(lambda name: name not in {".", ".."}), min_size=1, max_size=4).map(tuple),
    st.binary(max_size=2000),
    min_size=1,
    max_size=6,
)


def written(folder, tree):
    """Write files that do not stand in each other's way; gives how many there are."""
    count = 0
    for parts, content in tree.items():
        try:
            folder.joinpath(*parts[:-1]).mkdir(parents=True, exist_ok=True)
            folder.joinpath(*parts).write_bytes(content)
        except OSError:
            continue
        count += 1
    return count


def files(folder):
    """Give all files."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def unpacked(stream, folder, piece=1000):
    """Feed a stream in pieces."""
    unpacking = Unpacking(folder)
    for start in range(0, len(stream), piece):
        unpacking.feed(stream[start : start + piece])
    unpacking.close()
    return unpacking


@given(tree=TREES, piece=st.integers(1, 3000))
@settings(max_examples=60, deadline=None)
def test_what_is_packed_comes_out_again(tmp_path_factory, tree, piece):
    """Any names, sizes and pieces: the same files with the same sums, in a stream of exactly the size that was told."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("target")
    if not written(source, tree):
        return
    packing = pack(source)
    stream = b"".join(packing.stream())
    found = unpacked(stream, target, piece)

    assert len(stream) == packing.size
    assert files(target) == files(source)
    assert found.sums == packing.sums
    assert found.written == packing.content


@pytest.mark.parametrize("form", ["gnu", "posix", "ustar", "v7"])
def test_streams_of_gnu_tar_are_understood(tmp_path, form):
    """Whatever form a container's tar writes, long names included, the files come out."""
    source, target = tmp_path / "source", tmp_path / "target"
    target.mkdir()
    long = "n" * (90 if form in {"v7", "ustar"} else 150)
    assert written(source, {("a", "b", "c.bin"): bytes(5000), (long,): b"x", ("empty",): b""}) == 3
    made = subprocess.run(["tar", f"--format={form}", "-C", source, "-cf", "-", "."], capture_output=True, check=True)

    unpacked(made.stdout, target)
    assert files(target) == files(source)


def a_stream(*members):
    """Make a stream of members and their contents, as nobody's tar would."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


def member(name, kind=tarfile.REGTYPE, link=""):
    """Make a member's header."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize("name", ["../out", "a/../../out", "/etc/out", "a/" + "../" * 60 + "out"])
def test_nothing_gets_out_of_the_folder(tmp_path, name):
    """A path that leads out is refused, and named."""
    (tmp_path / "in").mkdir()

    with pytest.raises(EnvironmentFaultError, match="outside of the folder"):
        unpacked(a_stream((member(name), b"x")), tmp_path / "in")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_links_and_devices_are_left_out(tmp_path):
    """They are told and not made, so that no later member is written through one."""
    target = tmp_path / "in"
    target.mkdir()
    kinds = [
        member("link", tarfile.SYMTYPE, "/etc"),
        member("hard", tarfile.LNKTYPE, "x"),
        member("p", tarfile.FIFOTYPE),
    ]
    stream = a_stream(*((info, b"") for info in kinds), (member("link/passwd"), b"x"))

    assert unpacked(stream, target).left_out == ["link", "hard", "p"]
    assert files(target) == {"link/passwd": b"x"}
    assert not (target / "link").is_symlink()


@pytest.mark.parametrize("cut", [100, 700, 1100])
def test_a_stream_that_is_cut_off_is_no_whole_one(tmp_path, cut):
    """Whether in a header, in a file or before the end: it is an error, never a folder that lacks something."""
    stream = a_stream((member("a"), bytes(600)))

    with pytest.raises(EnvironmentFaultError, match="ended early"):
        unpacked(stream[:cut], tmp_path)


def test_what_is_no_tar_stream_is_told(tmp_path):
    """Words in the place of a stream, as a wrapper in an image may print, are an error with a sentence."""
    with pytest.raises(EnvironmentFaultError, match="no tar stream"):
        unpacked(b"Welcome to this container! " * 40, tmp_path)


def test_a_file_that_grows_while_it_is_sent_is_told(tmp_path):
    """The stream would be longer than was told: it ends with an error instead."""
    (tmp_path / "log").write_bytes(bytes(100))
    packing = pack(tmp_path)
    (tmp_path / "log").write_bytes(bytes(101))

    with pytest.raises(EnvironmentFaultError, match="changed while it was read"):
        list(packing.stream())
