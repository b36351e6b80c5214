"""One `add_argument` call as a record.

Owns: reading option strings, type, choices, default and action as far as they are constants. What is no constant is
UNKNOWN, and no check accuses it.
"""

import ast
from dataclasses import dataclass
from typing import Any

_TYPES = ("int", "float", "str", "bool")
_VALUELESS = ("store_true", "store_false", "store_const", "count", "help", "version", "BooleanOptionalAction")
_COLLECTING = ("append", "append_const", "extend")
_MANY = ("+", "*")


class _Unknown:
    """A value that only running the script would tell."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Any = _Unknown()
ABSENT: Any = None


@dataclass(frozen=True, slots=True)
class Flag:
    """A declared argument.

    Attributes:
        options: the option strings with their dashes; for a positional argument its name.
        dest: attribute of the parsed arguments.
        type: one of int, float, str, bool; `str` when none is given; UNKNOWN for any other function.
        choices: constants, or ABSENT or UNKNOWN.
        default: a constant, or ABSENT or UNKNOWN.
        action: as in argparse, `store` when none is given, or UNKNOWN.
        nargs: as in argparse, ABSENT or UNKNOWN.
    """

    options: tuple[str, ...]
    dest: str
    type: Any
    choices: Any
    default: Any
    action: Any
    nargs: Any
    required: bool

    @property
    def is_positional(self) -> bool:
        """Whether it has no dashes."""
        return not self.options[0].startswith("-")

    @property
    def takes_no_value(self) -> bool:
        """Whether `--name=value` is an error."""
        return self.action in _VALUELESS

    @property
    def gives_list(self) -> bool:
        """Whether the script sees a list instead of the one value that is passed."""
        number = isinstance(self.nargs, int) and not isinstance(self.nargs, bool)
        return self.action in _COLLECTING or (isinstance(self.nargs, str) and self.nargs in _MANY) or number

    @property
    def may_be_left_out(self) -> bool:
        """Whether the script starts without it."""
        return self.nargs in ("?", "*") if self.is_positional else not self.required


def read_flag(call: ast.Call) -> Flag | None:
    """Read an `add_argument` call; None when its names are not constants."""
    options = tuple(literal(node) for node in call.args)
    if not options:
        options = (constant(call, "dest"),)
    if not all(isinstance(option, str) and option for option in options):
        return None
    long = next((option for option in options if option.startswith("--")), options[0])
    dest = constant(call, "dest")
    spread = any(keyword.arg is None for keyword in call.keywords)
    return Flag(
        options=options,
        dest=dest if isinstance(dest, str) else long.lstrip("-").replace("-", "_"),
        type=UNKNOWN if spread else _type(keyword(call, "type")),
        choices=_choices(constant(call, "choices")),
        default=UNKNOWN if spread else constant(call, "default"),
        action=_action(keyword(call, "action"), spread),
        nargs=constant(call, "nargs"),
        required=constant(call, "required") is True,
    )


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """Give the node of a keyword argument."""
    return next((each.value for each in call.keywords if each.arg == name), None)


def constant(call: ast.Call, name: str) -> Any:
    """Give the value of a keyword argument: ABSENT, or UNKNOWN when it is no constant."""
    node = keyword(call, name)
    return ABSENT if node is None else literal(node)


def literal(node: ast.expr) -> Any:
    """Give the value of a literal or of a `range(...)` of literals, else UNKNOWN."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        bounds = [literal(argument) for argument in node.args]
        if bounds and all(isinstance(bound, int) for bound in bounds) and bounds[2:] != [0]:
            return range(*bounds[:3])
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError, MemoryError):
        return UNKNOWN


def _choices(value: Any) -> Any:
    return value if value is ABSENT or isinstance(value, list | tuple | set | dict | range) else UNKNOWN


def _type(node: ast.expr | None) -> Any:
    if node is None or (isinstance(node, ast.Constant) and node.value is None):
        return "str"
    return node.id if isinstance(node, ast.Name) and node.id in _TYPES else UNKNOWN


def _action(node: ast.expr | None, spread: bool) -> Any:
    if node is None:
        return UNKNOWN if spread else "store"
    if isinstance(node, ast.Attribute | ast.Name):
        name = node.attr if isinstance(node, ast.Attribute) else node.id
        return name if name == "BooleanOptionalAction" else UNKNOWN
    return literal(node)
