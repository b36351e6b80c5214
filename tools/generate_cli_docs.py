"""Write docs/cli.md from the command line's own parsers.

    python tools/generate_cli_docs.py docs/cli.md

argparse's help text differs between versions of Python and widths of terminals, so the page is made from the parsers'
declarations instead.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from autosearch.cli import EXIT_CODES, parser

HEAD = """\
<!-- Generated from the parsers in operator/autosearch/cli by `make generate`. Do not edit. -->

# The command line

`autosearch COMMAND --help` says the same. `python -m autosearch` is another way to call it.
"""


def subcommands(top: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Give each command's name and parser, in their order."""
    for action in top._actions:  # noqa: SLF001 - argparse has no public way to list what was declared
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            yield from action.choices.items()


def arguments(command: argparse.ArgumentParser) -> list[argparse.Action]:
    """Give a command's own arguments, without --help."""
    return [
        action
        for action in command._actions  # noqa: SLF001 - as above
        if not isinstance(action, argparse._HelpAction)  # noqa: SLF001 - as above
    ]


def written(action: argparse.Action) -> str:
    """Write an argument as a user types it."""
    value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
    if not action.option_strings:
        return f"`{value}`"
    return ", ".join(f"`{name} {value}`" if value else f"`{name}`" for name in action.option_strings)


def usage(name: str, command: argparse.ArgumentParser) -> str:
    """Write one line: what is optional stands in brackets."""
    words = [f"autosearch {name}"]
    for action in arguments(command):
        word = action.option_strings[0] if action.option_strings else ""
        value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
        text = " ".join(part for part in (word, value) if part)
        words.append(text if action.required else f"[{text}]")
    return " ".join(words)


def section(name: str, command: argparse.ArgumentParser) -> str:
    """Describe one command."""
    rows = [f"| {written(action)} | {cell(action)} |" for action in arguments(command)]
    table = "\n".join(["| argument | meaning |", "| --- | --- |", *rows])
    return f"## `autosearch {name}`\n\n{command.description}\n\n```\n{usage(name, command)}\n```\n\n{table}\n"


def cell(action: argparse.Action) -> str:
    """Give an argument's help as the cell of a table."""
    text = (action.help or "").replace("|", "\\|")
    required = "required" if action.required and action.option_strings else ""
    return "; ".join(part for part in (text, required) if part)


def exit_codes() -> str:
    """Turn the exit codes' text into a table."""
    lines = [line.split(maxsplit=1) for line in EXIT_CODES.strip().splitlines()[1:]]
    rows = [f"| {code} | {meaning} |" for code, meaning in lines]
    return "\n".join(["## Exit codes", "", "| code | meaning |", "| --- | --- |", *rows]) + "\n"


def page() -> str:
    """Give the whole page."""
    sections = [section(name, command) for name, command in subcommands(parser())]
    return "\n".join([HEAD, *sections, exit_codes()])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
