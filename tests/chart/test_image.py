"""What the image adds to its Python base, made by the very steps of the Dockerfile: size, contents, what runs in it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.chart.rendering import ROOT

from autosearch.cli import parser

LIMIT = 350 * 10**6
ALGORITHMS = ("random", "grid", "sobol", "tpe", "cmaes", "pso", "pbt")
# Compilers are programs, which the folder must not have at all: see the test of its programs.
TOOLS = {"pip", "setuptools", "wheel", "hatchling", "pytest"}
LEFT_OUT = {"plotly", "matplotlib", "sklearn", "pandas", "kubernetes"}
UNCHECKED_HASH = b"\x01\x00\x00\x00"
SEARCHES = """
from autosearch.search.conformance import check_all, drawn_search
from autosearch.search.registry import algorithm_of
for name in {names}:
    check_all(lambda name=name: algorithm_of(name), drawn_search(name, 1))
print("searched")
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The folder that the Dockerfile copies into its last stage, made by both steps of tools/install_image.sh."""
    folder = tmp_path_factory.mktemp("image") / "autosearch"
    env = {**os.environ, "PYTHON": sys.executable}
    for step in ("libraries", "project"):
        call = [ROOT / "tools" / "install_image.sh", step, folder]
        done = subprocess.run(call, env=env, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, done.stderr
    return folder


def packages(image):
    """The folder of its packages."""
    (found,) = image.glob("lib/python3.*/site-packages")
    return found


def run(image, *words):
    """Run a program of the image with nothing of the development environment in reach."""
    call = [image / "bin" / words[0], *words[1:]]
    return subprocess.run(
        call, env={"PATH": "/usr/bin:/bin"}, cwd="/", capture_output=True, text=True, check=False, timeout=300
    )


def test_image_adds_little(image):
    """Base and image differ by at most 350 MB, compiled files included."""
    size = sum(path.lstat().st_blocks * 512 for path in image.rglob("*"))

    assert size <= LIMIT, f"{size / 10**6:.0f} MB"


def test_image_has_no_tools_and_no_plotting(image):
    """No pip, no build tool, no plotting library; of programs, only our own and the interpreter's name."""
    names = {path.name.partition("-")[0].lower() for path in packages(image).iterdir()}

    assert not names & (TOOLS | LEFT_OUT)
    assert {path.name for path in (image / "bin").iterdir() if not path.name.startswith("python")} == {"autosearch"}
    assert not image.with_name(f"{image.name}-build").exists()


def test_everything_is_compiled(image):
    """A sidecar on a read-only file system compiles nothing, whatever a layer did to the files' times."""
    for source in packages(image).rglob("*.py"):
        (compiled,) = source.parent.glob(f"__pycache__/{source.stem}.cpython-*.pyc")

        assert compiled.read_bytes()[4:8] == UNCHECKED_HASH, source


@pytest.mark.parametrize("command", ["", "operator", "sidecar", "run", "validate"])
def test_commands_start(image, command):
    """The program starts with what the image has: no command needs a library that was left out in order to be told."""
    if command and f"    {command} " not in parser().format_help():
        reason = f"the command `autosearch {command}` does not exist yet"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)

    done = run(image, "autosearch", *([command, "--help"] if command else ["--version"]))
    assert done.returncode == 0, done.stderr
    assert "autosearch" in done.stdout


def test_operator_has_its_libraries(image):
    """All that the operator imports is in the image, though the libraries for kubeconfigs and pages are not."""
    done = run(
        image, "python", "-c", "import autosearch.cli.operator, autosearch.kubernetes.report_server; print('in')"
    )

    assert done.stdout == "in\n", done.stderr


def test_every_algorithm_searches(image):
    """Nothing that an algorithm needs was stripped: each makes a whole search in the image."""
    done = run(image, "python", "-c", SEARCHES.format(names=ALGORITHMS))

    assert done.stdout == "searched\n", done.stderr


def test_image_has_the_sdk(image):
    """The sidecar finds the SDK's packages, which it copies to each trial."""
    done = run(image, "python", "-c", "import autosearch_sdk, rudder_autosearch.sdk; print(autosearch_sdk.__file__)")

    assert str(image) in done.stdout, done.stderr


def dockerfile(word):
    """The Dockerfile's instructions of a kind, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.startswith(f"{word} ")]


def test_dockerfile_runs_both_steps():
    """The Dockerfile makes what is measured here by the same script, and installs nothing in another way."""
    steps = [re.search(r"install_image\.sh (\w+) /opt/autosearch$", line) for line in dockerfile("RUN")[:2]]

    assert [step and step[1] for step in steps] == ["libraries", "project"]
    assert not any(re.search(r"pip3? install|apt-get|apk ", line) for line in dockerfile("RUN"))


def test_dockerfile_ends_without_root():
    """The base is the user's choice and named without a registry; the last stage's user is 65532."""
    assert dockerfile("ARG") == ["ARG BASE=python:3.12-slim"]
    assert dockerfile("FROM") == ["FROM ${BASE} AS build", "FROM ${BASE}"]
    assert dockerfile("USER") == ["USER 65532:65532"]
    assert dockerfile("ENTRYPOINT") == ['ENTRYPOINT ["autosearch"]']


def test_context_has_what_the_dockerfile_copies():
    """.dockerignore lets in each path that the Dockerfile copies."""
    copied = [path for line in dockerfile("COPY") if "--from" not in line for path in line.split()[1:-1]]
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = [Path(line[1:]) for line in ignore if line.startswith("!")]

    for path in map(Path, copied):
        assert (ROOT / path).exists()
        assert any(path == one or one in path.parents for one in allowed), path
