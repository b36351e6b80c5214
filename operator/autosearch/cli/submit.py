"""`autosearch submit`: a search, and its code, onto a cluster."""

import argparse
import sys
from dataclasses import dataclass
from typing import Any

from autosearch.api.errors import InvalidInputError, Problem
from autosearch.cli.cluster import again, on_cluster, where
from autosearch.cli.manifest import read_manifest
from autosearch.kubernetes.access import Cluster
from autosearch.kubernetes.cluster_rules import check_manifest
from autosearch.kubernetes.code_map import CodeMap, in_kilobytes, read_code
from autosearch.kubernetes.submission import Submitted, submit


@dataclass(frozen=True, slots=True)
class _Order:
    manifest: dict[str, Any]
    code: CodeMap | None

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])


def main(arguments: argparse.Namespace) -> int:
    """Check everything here, then create; with --watch show the search until its end."""
    order = _read(arguments)
    place = where(arguments)
    done, namespace = on_cluster(place, lambda cluster: _submitted(cluster, order, dry_run=arguments.dry_run))
    _tell(arguments, order, done, namespace)
    if not arguments.watch or arguments.dry_run:
        return 0
    from autosearch.cli.watch import watch

    return watch(arguments, order.name)


def _read(arguments: argparse.Namespace) -> _Order:
    """Read job and code; raises `InvalidInputError` with all that is wrong with either."""
    document, notes = read_manifest(arguments.file, name=arguments.name, into=arguments.into)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    problems: list[Problem] = []
    code = None
    if arguments.code is not None:
        try:
            code = read_code(arguments.code, left_out=_taken(document))
            _put_code(document, code)
        except InvalidInputError as error:
            problems += error.problems
            _drop_code(document)
    problems += check_manifest(document)
    problems += _check_namespace(arguments, document)
    if problems:
        raise InvalidInputError(list(dict.fromkeys(problems)))
    return _Order(document, code)


def _taken(document: dict[str, Any]) -> list[str]:
    """Give the names in the working directory that are not the code's."""
    spec = document.get("spec")
    mounted = {"trainData": "train_data", "testData": "test_data"}
    return ["output", *(name for field, name in mounted.items() if isinstance(spec, dict) and spec.get(field))]


def _put_code(document: dict[str, Any], code: CodeMap) -> None:
    """Name the ConfigMap in the job; where the job is too broken for that, its own problems are told."""
    spec, meta = document.get("spec"), document.get("metadata")
    if isinstance(spec, dict) and isinstance(meta, dict):
        spec["code"] = code.source(str(meta.get("name")))


def _drop_code(document: dict[str, Any]) -> None:
    """What the file says of code is not used: nothing is to be told of it."""
    if isinstance(document.get("spec"), dict):
        document["spec"].pop("code", None)


def _check_namespace(arguments: argparse.Namespace, document: dict[str, Any]) -> list[Problem]:
    """Take the file's namespace where there is no -n; two that differ are a mistake, as for kubectl."""
    meta = document.get("metadata")
    written = meta.get("namespace") if isinstance(meta, dict) else None
    if written is None or arguments.namespace in (None, written):
        arguments.namespace = arguments.namespace or written
        return []
    text = f"does not match -n {arguments.namespace}: remove one of the two"
    return [Problem("metadata.namespace", str(written), text)]


async def _submitted(cluster: Cluster, order: _Order, *, dry_run: bool) -> tuple[Submitted, str]:
    return await submit(cluster, order.manifest, order.code, dry_run=dry_run), cluster.namespace


def _tell(arguments: argparse.Namespace, order: _Order, done: Submitted, namespace: str) -> None:
    name, code = order.name, order.code
    word = "would be created (dry run)" if arguments.dry_run and done.outcome == "created" else done.outcome
    print(f"AutoSearchJob {name}: {word} in namespace {namespace}")
    if code is not None:
        count = len(code.items)
        files = f"{count} file{'s' if count != 1 else ''}, {in_kilobytes(code.size)}"
        print(f"ConfigMap {code.name(name)}: {files}")
    if not (arguments.dry_run or arguments.watch):
        print(f"`autosearch watch {name}{again(arguments)}` shows it until its end")
