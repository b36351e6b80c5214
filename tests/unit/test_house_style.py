"""The house style that no linter checks."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "operator").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


def functions(path: Path) -> list[ast.FunctionDef]:
    """Give all functions of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_the_folder_operator_is_no_package():
    """A file operator/__init__.py would shadow the standard library's module of that name."""
    assert not (ROOT / "operator" / "__init__.py").exists()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_are_small_and_say_what_they_own(path):
    """A module has at most 300 lines, functions of at most 40, and a docstring."""
    source = path.read_text(encoding="utf-8")

    assert source.count("\n") <= 300
    assert all(node.end_lineno - node.lineno < 40 for node in functions(path))
    assert ast.get_docstring(ast.parse(source))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_states_its_promise(path):
    """Each test function has a docstring, which is what it promises."""
    silent = [node.name for node in functions(path) if node.name.startswith("test_") and not ast.get_docstring(node)]

    assert silent == []
