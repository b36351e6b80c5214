"""Does the script's parser follow the contract?

Owns: rules AS002, AS003 and AS009 to AS016: argparse itself, the contract's own flags, and what is never passed.
"""

import ast
import posixpath
import re
from collections.abc import Iterator

from autosearch.lint.flags import ABSENT, UNKNOWN, constant, keyword, literal
from autosearch.lint.parameter_rules import first_place, one_value
from autosearch.lint.rules import Finding, finding
from autosearch.lint.script import Declared, Place, Script

FOLDERS = {"train_dir": "train_data", "test_dir": "test_data", "output_dir": "output"}
TEXTS = {"job_id": "job-1234", "trial_id": "0-0", "metric": "acc"}
SAMPLING = "data_sampling_scale"
PASSED = (*TEXTS, SAMPLING)
_MISSPELT_ID = re.compile(r"\b(\w+)\.(job|trial)-id\b")


def check_source_of_arguments(script: Script) -> Iterator[Finding]:
    """Say so where the arguments do not come through an argparse parser that can be read (AS002, AS003)."""
    if script.declared and not script.hidden_flags:
        return
    if script.uses_parser or script.arguments_from_elsewhere or script.delegates:
        line = script.arguments_from_elsewhere or script.delegates or first_place(script).line
        yield finding(
            "AS003",
            Place(line),
            "flags are declared where they cannot be seen (another module, a loop, `parents`): the rest is checked",
            "declare each flag with its own `add_argument`, here or in a module beside the script",
            "warning",
        )
    elif not script.mentions("AUTOSEARCH_PARAM"):
        library = f"`{script.other_library}` reads the arguments" if script.other_library else "no argparse is seen"
        yield finding(
            "AS002",
            Place(1),
            f"{library}, but the contract's flags are `--name=value` for argparse",
            "declare them with argparse; or set `arguments: None` in the job and read `AUTOSEARCH_PARAMETERS`",
        )


def check_flags(script: Script) -> Iterator[Finding]:
    """Check the contract's seven flags (AS008 to AS011)."""
    for name in (*FOLDERS, *PASSED):
        declared = script.flags.get(name)
        if declared is not None:
            yield from _check_declared(name, declared)
        elif not script.hidden_flags and name.replace("_", "-") not in script.flags:
            yield _missing(script, name)
    yield from _changed_defaults(script)


def _missing(script: Script, name: str) -> Finding:
    default = f"./{FOLDERS[name]}" if name in FOLDERS else TEXTS.get(name, "1.0")
    line = f'write `parser.add_argument("--{name}", type={_type(name)}, default={_quoted(name, default)})`'
    if name in FOLDERS:
        message = f"`--{name}` is not declared; it is never passed here, but belongs to the contract"
        return finding("AS009", first_place(script), message, line, "warning")
    if script.is_strict:
        message = f"`--{name}` is not declared, but is passed: the script would end with exit code 2"
        return finding("AS009", first_place(script), message, line)
    return finding("AS009", first_place(script), f"`--{name}` is not declared, so it is ignored", line, "warning")


def _type(name: str) -> str:
    return "float" if name == SAMPLING else "str"


def _quoted(name: str, default: str) -> str:
    return default if name == SAMPLING else f'"{default}"'


def _check_declared(name: str, declared: Declared) -> Iterator[Finding]:
    flag, place = declared.flag, declared.place
    if (problem := one_value(name, flag, place)) is not None:
        yield problem
        return
    if flag.type not in {_type(name), UNKNOWN, "bool"}:
        severe = flag.type != "str"
        message = (
            f"`--{name}` has `type={flag.type}`, but is passed a {'ratio such as 0.5' if name == SAMPLING else 'text'}"
        )
        yield finding("AS010", place, message, f"write `type={_type(name)}`", "error" if severe else "warning")
    if name in FOLDERS:
        yield from _check_folder(name, flag.default, place)


def _check_folder(name: str, default: object, place: Place) -> Iterator[Finding]:
    if default is UNKNOWN or (isinstance(default, str) and posixpath.normpath(default) == FOLDERS[name]):
        return
    found = "no default" if default is ABSENT else f"the default {default!r}"
    message = f"`--{name}` has {found}, but is never passed: the data is found in `./{FOLDERS[name]}`"
    yield finding("AS011", place, message, f'write `default="./{FOLDERS[name]}"`')


def _changed_defaults(script: Script) -> Iterator[Finding]:
    for module, call in script.calls("set_defaults"):
        for name in FOLDERS:
            if keyword(call, name) is not None:
                yield from _check_folder(name, constant(call, name), module.place(call.lineno))


def check_never_passed(script: Script, passed: set[str] | None) -> Iterator[Finding]:
    """Check that the script starts with what is passed and no more (AS012, AS013); `passed` is None when unknown."""
    for declared in script.declared:
        flag = declared.flag
        names = {option.lstrip("-") for option in flag.options}
        if flag.may_be_left_out or (flag.is_positional and flag.action is UNKNOWN):
            continue
        if flag.is_positional:
            message = f"`{flag.options[0]}` is a positional argument, and none is ever passed"
            yield finding("AS013", declared.place, message, f'write `"--{flag.options[0]}"` with a default')
        elif names & set(FOLDERS) or (passed is not None and not names & passed):
            message = f"`{flag.options[-1]}` is required, but is never passed"
            yield finding("AS012", declared.place, message, "write a `default` instead of `required=True`")


def check_misprints(script: Script) -> Iterator[Finding]:
    """Name what was copied from the specification page's own misprints (AS014)."""
    for place, text in script.strings:
        if "trian_data" in text:
            yield finding("AS014", place, "`trian_data` is a misprint of the specification page", "write `train_data`")
    for name in (*FOLDERS, *PASSED, "resume_checkpoint_path", "perturb_interval"):
        dashed = name.replace("_", "-")
        if dashed != name and dashed in script.flags and name not in script.flags:
            message = f"`--{dashed}` is a misprint: what is passed is `--{name}`"
            yield finding("AS014", script.flags[dashed].place, message, f"write `--{name}`")
    for module, node in script.nodes():
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and _is_misspelt_id(node):
            text = ast.unparse(node).replace(" ", "")
            yield _misspelt(text, module.place(node.lineno))


def check_misprints_in_text(source: str) -> Iterator[Finding]:
    """The same for a file that is no valid Python, perhaps just because of it: `args.job-id = 1`."""
    for number, line in enumerate(source.splitlines(), 1):
        for match in _MISSPELT_ID.finditer(line.partition("#")[0]):
            yield _misspelt(match[0], Place(number))


def _misspelt(text: str, place: Place) -> Finding:
    message = f"`{text}` is a subtraction in Python, a misprint of the specification page"
    return finding("AS014", place, message, f"write `{text.replace('-', '_')}`")


def _is_misspelt_id(node: ast.BinOp) -> bool:
    left, right = node.left, node.right
    return (
        isinstance(left, ast.Attribute)
        and left.attr in {"job", "trial"}
        and isinstance(right, ast.Name)
        and right.id == "id"
    )


def check_parsing(script: Script) -> Iterator[Finding]:
    """Check that the parser is used on the real command line (AS016)."""
    if script.declared and not script.parse_calls:
        message = "flags are declared, but no call of `parse_args` is seen"
        yield finding("AS016", first_place(script), message, "write `args = parser.parse_args()`", "warning")
    for module, call in script.parse_calls:
        given = call.args[0] if call.args else keyword(call, "args")
        if given is not None and isinstance(literal(given), list | tuple):
            message = "the arguments are parsed from a list in the script, so what is passed is ignored"
            yield finding("AS016", module.place(call.lineno), message, "write `parser.parse_args()`")
