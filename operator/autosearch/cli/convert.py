"""`autosearch convert`: the AutoSearchJob that a vendor YAML stands for."""

import argparse
import sys

import yaml

from autosearch.api.errors import InvalidInputError, Problem
from autosearch.api.loading import parse_job
from autosearch.api.vendor import convert, is_vendor
from autosearch.cli.files import default_name, read_document, split_command


def main(arguments: argparse.Namespace) -> int:
    """Print the manifest; what was assumed goes to standard error."""
    document = read_document(arguments.file)
    if not is_vendor(document):
        text = "must have `search_strategy` and `search_space`; an AutoSearchJob needs no conversion"
        raise InvalidInputError([Problem(arguments.file, "", text)])
    base = read_document(arguments.into) if arguments.into else None
    name = arguments.name or default_name(arguments.file)
    converted = convert(document, name=name, base=base, command=split_command(arguments.script))
    parse_job(converted.manifest)
    for note in converted.notes:
        print(f"note: {note}", file=sys.stderr)
    print(yaml.safe_dump(converted.manifest, sort_keys=False, allow_unicode=True), end="")
    return 0
