"""Reading the file that is submitted, whichever of the two forms it has.

Owns: from a path to an AutoSearchJob's document as the API server is to see it: what was written, without defaults.
"""

from collections.abc import Sequence
from typing import Any

from autosearch.api.errors import InvalidInputError, Problem
from autosearch.api.vendor import convert, is_vendor
from autosearch.cli.files import default_name, read_document

_KEPT = ("name", "namespace", "labels", "annotations")
"""Of the metadata; the rest, as in a file made with `kubectl get -o yaml`, is the API server's."""


def read_manifest(file: str, *, name: str | None, into: str | None) -> tuple[dict[str, Any], Sequence[str]]:
    """Read a job's document.

    Args:
        name: wins over the names in the files.
        into: file of the AutoSearchJob that has template and volumes for a vendor's YAML.

    Returns:
        The document, and notes on what a conversion assumed.

    Raises:
        InvalidInputError: a file cannot be read or converted.
    """
    document = read_document(file)
    notes: Sequence[str] = ()
    if is_vendor(document):
        base = read_document(into) if into is not None else None
        converted = convert(document, name=name or default_name(file), base=base)
        document, notes = converted.manifest, converted.notes
    elif into is not None:
        raise InvalidInputError([Problem("--into", into, "is for a vendor YAML; this file is none: leave it out")])
    document.pop("status", None)
    if isinstance(document.get("metadata"), dict):
        meta = {key: value for key, value in document["metadata"].items() if key in _KEPT}
        document["metadata"] = {**meta, **({"name": name} if name is not None else {})}
    return document, notes
