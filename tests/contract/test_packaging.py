"""What is installed is whole, and what is locked is what the project asks for."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = ("run", "validate", "convert", "lint", "results", "report", "push", "pull")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUNTIME = PYPROJECT["project"]["dependencies"]
GROUPS = PYPROJECT["dependency-groups"]
LISTS = {
    "runtime": RUNTIME,
    "demo": [*RUNTIME, *GROUPS["examples"], *GROUPS["build"]],
    "dev": [*RUNTIME, *(entry for entry in GROUPS["dev"] if isinstance(entry, str))],
    "tools": GROUPS["tools"],
    "tensorflow": GROUPS["tensorflow"],
    "paddle": GROUPS["paddle"],
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder that both distributions are installed into, without their dependencies, which are here already."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    flags = ["--no-deps", "--no-build-isolation", "--no-compile", "--target", str(folder)]
    subprocess.run([*pip, *flags, str(ROOT), str(ROOT / "sdk")], check=True, timeout=120)
    return folder


def test_installed_command_has_every_command(installed):
    """`pip install . ./sdk` gives the program `autosearch` with all its commands."""
    env = {**os.environ, "PYTHONPATH": str(installed)}
    for words in (["--version"], *([command, "--help"] for command in COMMANDS)):
        call = [installed / "bin" / "autosearch", *words]
        done = subprocess.run(call, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "autosearch" in done.stdout


def test_installed_package_has_its_data_and_the_sdk(installed):
    """The report page's parts, the type marker and the SDK's both packages are in what is installed."""
    present = {str(path.relative_to(ROOT / "operator")) for path in (ROOT / "operator").rglob("*") if path.is_file()}
    wanted = {name for name in present if "__pycache__" not in name and not name.endswith(".pyc")}
    assert {"autosearch/py.typed", "autosearch/views/page.html"} <= wanted
    assert not {name for name in wanted if not (installed / name).is_file()}
    assert (installed / "rudder_autosearch" / "sdk" / "amaas_tools.py").is_file()
    assert (installed / "autosearch_sdk" / "__init__.py").is_file()


def locked(name):
    """Give the names and versions of a hashed list."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return {
        match[1].replace("_", "-").lower(): match[2]
        for match in re.finditer(r"^([A-Za-z0-9._-]+)==([^ ;]+)", text, re.MULTILINE)
    }


@pytest.mark.parametrize("name", LISTS)
def test_locked_list_holds_what_the_project_asks_for(name):
    """Each dependency of pyproject.toml stands in the list that `make lock` writes, with hashes and no address."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    found = locked(name)
    for requirement in LISTS[name]:
        project = re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower()
        assert project in found, f"{requirement} is not in requirements/{name}.txt: run make lock"
    assert text.count("--hash=sha256:") >= len(found)
    assert "://" not in text
    assert "index-url" not in text


def test_lists_agree():
    """One environment serves the demo and the tests: the smaller lists have the versions of the larger one."""
    whole = locked("dev")
    for name in ("runtime", "demo"):
        assert locked(name).items() <= whole.items()


def test_this_environment_is_the_locked_one():
    """The tests run with the versions that are locked, so that what was tried is what is shipped."""
    text = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    for name in locked("runtime"):
        versions = set(re.findall(rf"^{re.escape(name)}==([^ ;]+)", text, re.MULTILINE))
        try:
            assert importlib.metadata.version(name) in versions, name
        except importlib.metadata.PackageNotFoundError:
            assert re.search(rf"^{re.escape(name)}==\S+ ;", text, re.MULTILINE), f"{name} is not installed"
