"""How the images of the one-node cluster are made, and when an archive that is there will do.

Owns: the archives in the cache, and buildah's store beside them, which only makes the next build faster: it may be
removed at any time. Each archive's name holds a hash of all that this tree puts into it.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from one_node import needs
from one_node.state import ClusterError, say

ROOT = Path(__file__).parents[3]
RECIPES = Path(__file__).parents[1] / "images"
DEBIAN = "docker.io/library/debian:trixie-slim"
CA = Path("/etc/ssl/certs/ca-certificates.crt")
_SUITE = "trixie"
_MIRROR = "http://deb.debian.org/debian"
_STORE_LIMIT = 8 << 30
"""Bytes that buildah's store may take: each change of the project adds an image to it."""
_LEFT_OUT = ("man", "doc", "locale")


@dataclass(frozen=True)
class Image:
    """One image.

    Attributes:
        reference: its whole name.
        recipe: its Dockerfile.
        context: the folder that the recipe copies from.
        inputs: what of the folder decides whether an archive is still right: files and folders.
        base: the image that it stands on, by its name in IMAGES; "" is Debian's.
    """

    reference: str
    recipe: Path
    context: Path
    inputs: tuple[str, ...] = ()
    base: str = ""


def _version() -> str:
    found = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    if found is None:
        raise ClusterError("pyproject.toml has no line `version = ...`")
    return found[1]


_OPERATOR = ("tools/install_image.sh", "requirements", "pyproject.toml", "README.md", "LICENSE", "sdk", "operator")
IMAGES = {
    "python": Image("docker.io/library/python:3.12-slim", RECIPES / "python.Dockerfile", RECIPES),
    "sklearn": Image(
        "localhost/trial-sklearn:1", RECIPES / "sklearn.Dockerfile", RECIPES, ("sklearn.txt",), base="python"
    ),
    "torch": Image("localhost/trial-torch:1", RECIPES / "torch.Dockerfile", RECIPES),
    "operator": Image(
        f"docker.io/autosearch/operator:{_version()}", ROOT / "Dockerfile", ROOT, _OPERATOR, base="python"
    ),
}


def check() -> None:
    """Make sure that images can be made here.

    Raises:
        ClusterError: saying what is missing.
    """
    if os.geteuid() != 0:
        raise ClusterError("a root file system is made with the rights of root: run this as root")
    needs.install({"buildah": "buildah", "mmdebstrap": "mmdebstrap", "unshare": "util-linux"})


def archive(name: str) -> Path:
    """Give an image's archive, making it where there is none for the present inputs.

    Raises:
        ClusterError: if it cannot be made.
    """
    image = IMAGES[name]
    path = _folder() / f"{name}-{_key(image)}.tar"
    if path.exists():
        return path
    with _locked():
        if not path.exists():
            began = time.monotonic()
            _build(name, image, path)
            say(f"{path}: {path.stat().st_size / 1e6:.0f} MB, made in {time.monotonic() - began:.0f} s")
    return path


def _build(name: str, image: Image, path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".making-", dir=_folder()) as folder:
        store = Store(Path(folder))
        store.keep_small()
        _ensure(store, image)
        unfinished = Path(folder) / "archive.tar"
        store.run("push", "--quiet", image.reference, f"oci-archive:{unfinished}:{image.reference}")
        for old in _folder().glob(f"{name}-*.tar"):
            old.unlink()
        unfinished.rename(path)


def _ensure(store: "Store", image: Image) -> None:
    """Make an image in the store, after what it stands on."""
    if image.base:
        base = IMAGES[image.base]
        if not store.has(base.reference, _key(base)):
            _ensure(store, base)
    elif not store.has(DEBIAN, _debian_key()):
        _make_debian(store)
    say(f"building {image.reference}")
    command = ["bud", "--quiet", "--isolation", "chroot", "--pull-never", "--layers", "--label", _label(_key(image))]
    for secret, file in (("pip.conf", Path("/etc/pip.conf")), ("ca.crt", CA)):
        if file.exists():
            command += ["--secret", f"id={secret},src={file}"]
    store.run(*command, "--file", str(image.recipe), "--tag", image.reference, str(image.context))


def _make_debian(store: "Store") -> None:
    """Make Debian's own image: its essential packages and the certificates."""
    say(f"making {DEBIAN}")
    root = store.folder / "root.tar"
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT]
    command += ['--customize-hook=rm -f "$1/etc/hostname"; : > "$1/etc/resolv.conf"', _SUITE, str(root), _MIRROR]
    _run(command)
    container = store.run("from", "--quiet", "--pull-never", "scratch")
    store.run("add", "--quiet", container, str(root), "/")
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    store.run("config", "--env", path, "--cmd", "bash", "--label", _label(_debian_key()), container)
    store.run("commit", "--quiet", "--rm", container, DEBIAN)
    root.unlink()


class Store:
    """buildah's images, kept in the cache; what it knows about mounts is in a folder that goes with the build."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root = _folder() / "store"
        self._options = ["--root", str(self._root), "--runroot", str(folder / "run")]

    def keep_small(self) -> None:
        """Begin anew where it has grown too large."""
        if self._root.exists() and int(_run(["du", "-sb", str(self._root)]).split()[0]) > _STORE_LIMIT:
            shutil.rmtree(self._root)

    def run(self, *arguments: str) -> str:
        """Run buildah; gives what it printed."""
        return _run(["buildah", *self._options, *arguments])

    def has(self, reference: str, key: str) -> bool:
        """Say whether an image is there and was made from the present inputs."""
        found = self.run("images", "--quiet", "--filter", f"label={_label(key)}")
        return bool(found) and reference in self.run("images", "--format", "{{.Name}}:{{.Tag}}")


def _run(command: list[str]) -> str:
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{needs.SYSTEM_PATH}", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        end = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
        raise ClusterError(f"{command[0]} ended with exit code {done.returncode}:\n{end}")
    return done.stdout.strip()


def _folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(home).absolute() / "autosearch-tools" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _locked() -> Iterator[None]:
    """Build one image at a time, and begin by removing what a build that was killed has left."""
    with (_folder() / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another build is under way, waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left in _folder().glob(".making-*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


def _label(key: str) -> str:
    return f"dev.autosearch.inputs={key}"


def _debian_key() -> str:
    return hashlib.sha256(f"{_SUITE} ca-certificates {_LEFT_OUT}".encode()).hexdigest()[:16]


def _key(image: Image) -> str:
    """Hash what an image is made from: its recipe, the files it copies, what it stands on."""
    found = hashlib.sha256((_key(IMAGES[image.base]) if image.base else _debian_key()).encode())
    files = [image.recipe]
    for each in image.inputs:
        path = image.context / each
        files += sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for file in files:
        if "__pycache__" not in file.parts and file.suffix != ".pyc" and ".egg-info" not in str(file):
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            found.update(f"{file.relative_to(ROOT)} {file.stat().st_mode & 0o111} {content}\n".encode())
    return found.hexdigest()[:16]
