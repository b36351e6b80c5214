"""Reading the files that commands are given.

Owns: from a path to an AutoSearchJob, whichever of the two forms the file has, with the command line's own settings
put in.
"""

import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autosearch.api.errors import InvalidInputError, Problem
from autosearch.api.job import AutoSearchJob
from autosearch.api.loading import parse_job
from autosearch.api.manifest_yaml import load_one
from autosearch.api.template_rules import trial_container
from autosearch.api.vendor import DATA_ACCESS, convert, is_vendor


def read_document(file: str) -> dict[str, Any]:
    """Read one YAML document; `-` is standard input."""
    if file == "-":
        return load_one(sys.stdin.read() if sys.stdin else "", "standard input")
    try:
        return load_one(Path(file).read_text(encoding="utf-8"), file)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidInputError([Problem(file, "", f"cannot be read: {reason}")]) from None


def default_name(file: str) -> str:
    """Make a job name of a file's name: `My_search.yml` is `my-search`."""
    stem = "search" if file == "-" else Path(file).name.partition(".")[0]
    return re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:40].strip("-") or "search"


def split_command(text: str | None) -> list[str] | None:
    """Split a command as a shell does; raises `InvalidInputError` for an open quote."""
    try:
        return None if text is None else shlex.split(text)
    except ValueError as error:
        raise InvalidInputError([Problem("--command", repr(text), f"cannot be split into words: {error}")]) from None


def read_job(
    file: str,
    *,
    name: str | None = None,
    command: str | None = None,
    parallel: int | None = None,
    data: Sequence[str] = (),
) -> tuple[AutoSearchJob, Sequence[str]]:
    """Read a job from either form of file; flags override what the file says.

    Args:
        data: `trainData`, `testData`: those that a local run is given, which a vendor's file cannot declare.

    Returns:
        The job, and notes on what a conversion assumed.
    """
    document = read_document(file)
    notes: Sequence[str] = ()
    words = split_command(command)
    if is_vendor(document):
        converted = convert(document, name=name or default_name(file), command=words)
        document, notes = converted.manifest, converted.notes
        # The vendor's scripts may write beside their data, so each trial gets its own copy.
        document["spec"].update({field: {"volume": {}, "access": DATA_ACCESS} for field in data})
    _override(document, name=name, words=words, parallel=parallel)
    return parse_job(document), notes


def _override(document: dict[str, Any], *, name: str | None, words: list[str] | None, parallel: int | None) -> None:
    """Put flags into a document, as far as it has the form; what has not is told by the check that follows."""
    if name is not None and isinstance(document.get("metadata"), dict):
        document["metadata"]["name"] = name
    spec = document.get("spec")
    if not isinstance(spec, dict):
        return
    if parallel is not None:
        spec["parallelTrials"] = parallel
    if words is not None:
        _set_command(spec, words)


def _set_command(spec: dict[str, Any], words: list[str]) -> None:
    template = spec.setdefault("template", {})
    if isinstance(template, dict) and isinstance(template.setdefault("spec", {}), dict):
        template["spec"].setdefault("containers", [{"name": "trial"}])
    chosen = trial_container(template)
    if chosen is not None:
        chosen["command"] = words
        chosen.pop("args", None)
