#!/usr/bin/env python3
"""Do what a tutorial says, as its reader would, and show in it what the commands print.

    tools/tutorial.py docs/tutorial-platform-engineer.md

Runs in a new folder that has the repository's own entries. A block whose first line is a comment with a path, such as
`# code/train.py`, becomes that file. In a block ```console each line that begins with `$ ` is run, all of them in one
shell; the lines below it are replaced by what it prints. A command that exits with another code than 0 ends it, but in
a block ```console fails, where all must. The page is written when all has been done.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"^```(\w+)( fails)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# ([\w./-]+\.(?:py|ya?ml))\n")
_STATE = "/home/me/.local/state/autosearch-cluster"
_MARK = "-end-of-command-"


class Shell:
    """One bash, whose commands may start another one that reads the commands after it."""

    def __init__(self, folder: Path) -> None:
        path = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "COLUMNS": "110", "PS1": ""}
        self._bash = subprocess.Popen(
            ["/bin/bash", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str) -> tuple[str, int]:
        """Run a command; gives what it printed and its exit code."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{command}\necho {_MARK}$?\n")
        self._bash.stdin.flush()
        printed = ""
        for line in self._bash.stdout:
            text, mark, code = line.partition(_MARK)
            printed += text
            if mark:
                return printed, int(code)
        raise SystemExit(f"error: the shell has ended in: {command}\n{printed}")

    def close(self) -> None:
        """End it, and those that it has started."""
        self._bash.communicate("exit\nexit\n")


def console(shell: Shell, block: str, fails: bool) -> str:
    """Run a block's commands; gives it with what they print."""
    shown = ""
    for command in re.findall(r"^\$ ((?:.*\\\n)*.*)\n", block, re.MULTILINE):
        print(f"$ {command}", flush=True)
        printed, code = shell.run(command)
        print(printed, end="", flush=True)
        if (code != 0) != fails:
            raise SystemExit(f"error: exit code {code}: {command}")
        printed = "\n".join(line.rstrip() for line in printed.splitlines()).strip("\n")
        shown += f"$ {command}\n" + (f"{printed}\n" if printed else "")
    return shown


def play(text: str, folder: Path) -> str:
    """Do everything in its order; gives the page anew."""
    shell = Shell(folder)

    def done(block: re.Match[str]) -> str:
        kind, fails, content = block.groups()
        if kind == "console":
            return f"```{kind}{fails or ''}\n{console(shell, content, bool(fails))}```"
        if named := _FILE.match(content):
            path = folder / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return block[0]

    try:
        return _BLOCK.sub(done, text)
    finally:
        shell.close()


def main() -> None:
    """Play the page that the command line names."""
    page = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="tutorial-") as folder:
        for entry in ROOT.iterdir():
            (Path(folder) / entry.name).symlink_to(entry)
        text = play(page.read_text(encoding="utf-8"), Path(folder))
    for own, shown in ((folder, "/home/me/autosearch"), (os.environ.get("CLUSTER_STATE"), _STATE)):
        text = text.replace(own, shown) if own else text
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
