"""What can be known of a training script without running it.

Owns: the facts, read from the syntax tree of the script and of the modules beside it that it imports. Must never judge
a fact (the checks do) and never import or run anything of the user's.
"""

import ast
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from autosearch.lint.flags import Flag, read_flag

_PARSE_CALLS = ("parse_args", "parse_known_args", "parse_intermixed_args", "parse_known_intermixed_args")
_OTHER_LIBRARIES = ("click", "fire", "typer", "absl", "docopt", "hydra", "tyro", "plac", "jsonargparse", "sacred")
_ARGUMENT_WORDS = ("arg", "opt", "conf", "flag", "param", "pars", "setting")
_WORK = re.compile(r"main|cli|train|fit|(run|launch|report)(_\w+)?")
_NAMESPACES = ("args", "arg", "opt", "opts", "options", "config", "cfg", "conf", "flags", "hparams", "hp", "params")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fact stands: a line of the script, and what to say first when it is in a module imported on that line."""

    line: int
    prefix: str = ""


@dataclass(frozen=True, eq=False)
class Module:
    """One file that was read.

    Attributes:
        filename: as given.
        imported_at: line of the script that imports it; 0 for the script itself.
    """

    filename: str
    tree: ast.Module
    imported_at: int = 0

    def place(self, line: int) -> Place:
        """Say where a line of this file is, in the script's terms."""
        if not self.imported_at:
            return Place(line)
        return Place(self.imported_at, f"in {self.filename}, line {line}: ")

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes, in no particular order."""
        return list(ast.walk(self.tree))


@dataclass(frozen=True, slots=True)
class Declared:
    """A flag, or a positional argument, and where it is declared."""

    flag: Flag
    place: Place


@dataclass
class Script:
    """A script with the modules beside it that it imports, directly or not."""

    modules: list[Module]
    declared: list[Declared] = field(default_factory=list)
    # A parser gets flags that cannot be seen: in a loop, from `parents`, or from a function that was not given.
    hidden_flags: bool = False

    def __post_init__(self) -> None:
        for module, call in self.calls("add_argument"):
            flag = read_flag(call)
            if flag is None:
                self.hidden_flags = True
            else:
                self.declared.append(Declared(flag, module.place(call.lineno)))
        self.declared.sort(key=lambda declared: declared.place.line)
        self.hidden_flags = self.hidden_flags or self._parser_is_handed_on()

    def nodes(self) -> Iterator[tuple[Module, ast.AST]]:
        """All nodes of all modules, the script's own first."""
        for module in self.modules:
            for node in module.nodes:
                yield module, node

    def calls(self, *names: str) -> Iterator[tuple[Module, ast.Call]]:
        """All calls of a function or method of one of these names."""
        for module, node in self.nodes():
            if isinstance(node, ast.Call) and last_name(node.func) in names:
                yield module, node

    @cached_property
    def flags(self) -> dict[str, Declared]:
        """The flags by their option string without dashes; of two declarations the first."""
        flags: dict[str, Declared] = {}
        for declared in self.declared:
            for option in declared.flag.options:
                flags.setdefault(option.lstrip("-"), declared)
        return flags

    @cached_property
    def parse_calls(self) -> list[tuple[Module, ast.Call]]:
        """Where the command line is parsed."""
        return list(self.calls(*_PARSE_CALLS))

    @cached_property
    def is_strict(self) -> bool:
        """Whether an undeclared flag ends the script; so it is unless every parse is `parse_known_args`."""
        names = {last_name(call.func) for _, call in self.parse_calls}
        return not names or bool(names - {"parse_known_args", "parse_known_intermixed_args"})

    @cached_property
    def uses_parser(self) -> bool:
        """Whether anything of argparse is seen, flags or not."""
        names = (last_name(node) or "" for _, node in self.nodes() if isinstance(node, ast.Name | ast.Attribute))
        return bool(self.declared or self.parse_calls) or any(name.endswith("ArgumentParser") for name in names)

    @cached_property
    def strings(self) -> list[tuple[Place, str]]:
        """All string constants, those in f-strings included."""
        return [
            (module.place(node.lineno), node.value)
            for module, node in self.nodes()
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]

    def mentions(self, text: str) -> bool:
        """Say whether a string constant holds this text."""
        return any(text in string for _, string in self.strings)

    def reads(self, name: str) -> bool:
        """Say whether the attribute or key `name` is read anywhere, as in `args.name` or `vars(args)["name"]`."""
        return any(_reads(node, name) for _, node in self.nodes())

    @cached_property
    def other_library(self) -> str:
        """A command-line library other than argparse that is imported, or ""."""
        return next((name for name in self._imported_modules if name in _OTHER_LIBRARIES), "")

    @cached_property
    def arguments_from_elsewhere(self) -> int:
        """Line of a call that seems to give the arguments, of a function from a module that was not given; else 0."""
        for module, node in self.nodes():
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                called, root = last_name(node.value.func) or "", _root(node.value.func)
                if root in self._unseen_names and any(word in called.lower() for word in _ARGUMENT_WORDS):
                    return module.place(node.lineno).line
        return 0

    @cached_property
    def delegates(self) -> int:
        """Line of a call that seems to do the script's work, of a function from a module that was not given; else 0."""
        for module, call in self._all_calls():
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            if _WORK.fullmatch(name) and self._is_foreign(call):
                return module.place(call.lineno).line
        return 0

    @cached_property
    def arguments_leave(self) -> bool:
        """Whether the parsed arguments go where they cannot be followed, whole."""
        whole = any(isinstance(node, ast.Attribute) and node.attr == "__dict__" for _, node in self.nodes())
        if whole or any(True for _ in self.calls("vars", "asdict")):
            return True
        names = {*_NAMESPACES, *(name.upper() for name in _NAMESPACES)}
        return any(self._is_foreign(call) and _hands_on(call, names) for _, call in self._all_calls())

    def _all_calls(self) -> Iterator[tuple[Module, ast.Call]]:
        return ((module, node) for module, node in self.nodes() if isinstance(node, ast.Call))

    def _is_foreign(self, call: ast.Call) -> bool:
        return _root(call.func) in self._unseen_names

    def _parser_is_handed_on(self) -> bool:
        parsers = {name for _, node in self.nodes() for name in _parsers_made_by(node)}
        parents = any(k.arg == "parents" for _, call in self.calls("ArgumentParser") for k in call.keywords)
        return parents or any(self._is_foreign(call) and _hands_on(call, parsers) for _, call in self._all_calls())

    @cached_property
    def _imported_modules(self) -> list[str]:
        return [name.partition(".")[0] for _, node in self.nodes() for name in imported_names(node)]

    @cached_property
    def _unseen_names(self) -> set[str]:
        """Names that stand for something of a module that was not read, the standard library's excepted."""
        seen = {stem(module.filename) for module in self.modules} | set(sys.stdlib_module_names)
        return {bound for _, node in self.nodes() for origin, bound in _bindings(node) if origin not in seen}


def read_script(source: str, filename: str, others: Mapping[str, str]) -> Script:
    """Read a script and those of `others` (file name -> source) that it imports.

    Raises:
        SyntaxError: the script itself is no Python that can be read; a module beside it that is none counts as not
            given.
    """
    main = Module(filename, parse(source))
    modules = [main]
    by_stem = {stem(name): (name, text) for name, text in others.items()}
    # The list grows while it is walked: what an imported module imports is read as well.
    for module in modules:
        for line, name in _imports(module.tree):
            given = by_stem.pop(name, None)
            if given is None:
                continue
            try:
                modules.append(Module(given[0], parse(given[1]), module.imported_at or line))
            except SyntaxError:
                continue
    return Script(modules)


def parse(source: str) -> ast.Module:
    """Give the syntax tree; raises `SyntaxError`, whatever the parser stumbles over."""
    try:
        with warnings.catch_warnings():
            # An invalid escape in a user's text is no concern of ours.
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (ValueError, RecursionError, MemoryError) as error:
        message = f"the file cannot be parsed ({error})"
        raise SyntaxError(message, ("", 1, 1, "")) from None


def last_name(node: ast.AST) -> str | None:
    """`c` of `a.b.c`, `a` of `a`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def stem(filename: str) -> str:
    """`options` of `some/options.py`."""
    return filename.rpartition("/")[2].removesuffix(".py")


def imported_names(node: ast.AST) -> list[str]:
    """The modules that a statement imports, `a` for `from .a import b` too."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module] if node.module else [alias.name for alias in node.names]
    return []


def _imports(tree: ast.Module) -> list[tuple[int, str]]:
    found = ((node, name) for node in ast.walk(tree) for name in imported_names(node))
    return [(getattr(node, "lineno", 1), name.partition(".")[0]) for node, name in found]


def _bindings(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name.partition(".")[0], alias.asname or alias.name.partition(".")[0]
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            origin = node.module.partition(".")[0] if node.module else alias.name
            yield origin, alias.asname or alias.name


def _root(node: ast.AST) -> str | None:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _hands_on(call: ast.Call, names: set[str]) -> bool:
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return any(isinstance(value, ast.Name) and value.id in names for value in given)


def _parsers_made_by(node: ast.AST) -> list[str]:
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
        return []
    if not (last_name(node.value.func) or "").endswith(("ArgumentParser", "add_argument_group")):
        return []
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def _reads(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == name and isinstance(node.ctx, ast.Load)
    return isinstance(node, ast.Constant) and node.value == name
