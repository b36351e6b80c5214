"""Reading a user's YAML or JSON file, with the values that kubectl would send.

Owns: documents, anchors, merge keys, duplicate keys, the limits on size, depth and alias expansion. Must never judge
what the values mean: that is the models'. Stricter than kubectl on purpose in two things that only ever hide a mistake:
a key written twice and a tag of one's own are refused.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from autosearch.api.errors import InvalidInputError, Problem
from autosearch.api.yaml_scalars import Scalar, json_value, key_text, resolve_plain, resolve_tagged

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 100
MAX_ALIASED = 20_000
_LONGEST_FOUND = 60
_COLLECTION_TAGS = {None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Value = Any  # a JSON value: dict, list, str, bool, int, float or None


def load_yaml(text: str, source: str = "file") -> list[object]:
    """Reads all documents of a text; empty ones are left out, as kubectl does.

    Args:
        text: YAML or JSON, at most 1 MiB as UTF-8.
        source: what to call the text in errors, usually the file's name.

    Raises:
        InvalidInputError: bad syntax, a duplicate key, a value that JSON cannot hold, too large a text; all that can
            be seen at once.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise InvalidInputError([Problem(source, f"{size} bytes", f"at most {MAX_BYTES} bytes (1 MiB) are read")])
    reader = _Reader(source)
    try:
        documents = [document for document in reader.documents(text) if document is not None]
    except yaml.YAMLError as error:
        reader.problems.append(_syntax_problem(error, source))
    except UnicodeEncodeError:
        reader.problems.append(Problem(source, "", "the text is no valid UTF-8: save the file as UTF-8"))
    if reader.problems:
        raise InvalidInputError(reader.problems)
    return documents


def load_one(text: str, source: str = "file") -> dict[str, Value]:
    """Reads a text that must hold exactly one document, a mapping.

    Raises:
        InvalidInputError: as `load_yaml`; also when there is no document, more than one, or another kind of value.
    """
    documents = load_yaml(text, source)
    if len(documents) != 1:
        found = f"{len(documents)} documents" if documents else "nothing"
        raise InvalidInputError([Problem(source, found, "write one job in one file")])
    document = documents[0]
    if not isinstance(document, dict):
        raise InvalidInputError([Problem(source, _kind(document), "write a mapping: lines of the form `key: value`")])
    return document


@dataclass
class _Reader:
    """Builds values from the parser's events: no recursion deeper than MAX_DEPTH, whatever the text."""

    source: str
    problems: list[Problem] = field(default_factory=list)
    anchors: dict[str, tuple[Value, int]] = field(default_factory=dict)
    open_anchors: list[str] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    depth: int = 0
    count: int = 0
    aliased: int = 0

    def documents(self, text: str) -> Iterator[Value]:
        events = iter(yaml.parse(text, Loader=_LOADER))
        for event in events:
            if isinstance(event, DocumentStartEvent):
                self.anchors.clear()
                yield self._child("", next(events), events)

    def _value(self, event: Event, events: Iterator[Event]) -> Value:
        self.count += 1
        if isinstance(event, AliasEvent):
            return self._alias(event)
        before = self.count
        anchor: str | None = event.anchor  # type: ignore[attr-defined]  # every node event has one
        if anchor:
            self.open_anchors.append(anchor)
        value = self._scalar(event) if isinstance(event, ScalarEvent) else self._collection(event, events)
        if anchor:
            self.open_anchors.pop()
            self.anchors[anchor] = (value, self.count - before + 1)
        return value

    def _alias(self, event: AliasEvent) -> Value:
        if event.anchor in self.open_anchors:
            raise self._stop(event, f"*{event.anchor}", "an anchor's value must not contain itself")
        if event.anchor not in self.anchors:
            raise self._stop(event, f"*{event.anchor}", f"no anchor `&{event.anchor}` stands before it")
        value, size = self.anchors[event.anchor]
        self.aliased += size
        self.count += size
        if self.aliased > MAX_ALIASED:
            raise self._stop(event, f"*{event.anchor}", f"aliases may stand for at most {MAX_ALIASED} values in all")
        return copy.deepcopy(value)

    def _scalar(self, event: ScalarEvent) -> Scalar:
        try:
            if event.tag is not None:
                return resolve_tagged(event.tag, event.value)
            return resolve_plain(event.value) if event.implicit[0] else event.value
        except ValueError as error:
            self._note(event, event.value, str(error))
            return None

    def _collection(self, event: Event, events: Iterator[Event]) -> Value:
        if self.depth >= MAX_DEPTH:
            raise self._stop(event, "", f"values may be nested at most {MAX_DEPTH} deep")
        self.depth += 1
        if isinstance(event, CollectionStartEvent) and event.tag not in _COLLECTION_TAGS:
            self._note(event, str(event.tag), "tags have no meaning here: write the value without it")
        value = self._mapping(events) if isinstance(event, MappingStartEvent) else self._sequence(events)
        self.depth -= 1
        return value

    def _sequence(self, events: Iterator[Event]) -> list[Value]:
        values: list[Value] = []
        while not isinstance(event := next(events), SequenceEndEvent):
            values.append(self._child(f"[{len(values)}]", event, events))
        return values

    def _mapping(self, events: Iterator[Event]) -> dict[str, Value]:
        values: dict[str, Value] = {}
        written: set[str] = set()
        while not isinstance(event := next(events), MappingEndEvent):
            if _is_merge(event):
                self._merge(values, event, events)
                continue
            key = self._key(event, events)
            if key in written:
                self._note(event, key, f"the key `{key}` is written twice in one mapping: keep one of the two")
            written.add(key)
            values[key] = self._child(f".{key}", next(events), events)
        return values

    def _key(self, event: Event, events: Iterator[Event]) -> str:
        key = self._value(event, events)
        if isinstance(key, dict | list):
            self._note(event, _kind(key), "a key must be a text")
            return ""
        try:
            return key_text(key)
        except ValueError as error:
            self._note(event, "null" if key is None else str(key), str(error))
            return ""

    def _merge(self, values: dict[str, Value], event: Event, events: Iterator[Event]) -> None:
        merged = self._child(".<<", next(events), events)
        sources = merged if isinstance(merged, list) else [merged]
        if not all(isinstance(source, dict) for source in sources):
            self._note(event, "<<", "a merge key needs a mapping, or a list of mappings")
            return
        # go-yaml lets a merge overwrite the keys that stand before it, and the first of a list win.
        for source in reversed(sources):
            values.update(source)

    def _child(self, step: str, event: Event, events: Iterator[Event]) -> Value:
        self.path.append(step)
        value = self._value(event, events)
        if isinstance(value, float):
            try:
                value = json_value(value)
            except ValueError as error:
                self._note(event, getattr(event, "value", str(value)), str(error))
        self.path.pop()
        return value

    def _note(self, event: Event, found: str, message: str) -> None:
        self.problems.append(self._problem(event, found, message))

    def _problem(self, event: Event, found: str, message: str) -> Problem:
        place = _shortened("".join(self.path).lstrip("."))
        where = _position(self.source, event.start_mark) + (f" {place}" if place else "")
        return Problem(where, _shortened(found), message)

    def _stop(self, event: Event, found: str, message: str) -> InvalidInputError:
        return InvalidInputError([*self.problems, self._problem(event, found, message)])


def _is_merge(event: Event) -> bool:
    if not isinstance(event, ScalarEvent) or event.value != "<<":
        return False
    return bool(event.implicit[0]) or event.tag == "tag:yaml.org,2002:merge"


def _position(source: str, mark: Any) -> str:
    return f"{source}:{mark.line + 1}:{mark.column + 1}"


def _syntax_problem(error: yaml.YAMLError, source: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
    if mark is None:
        return Problem(source, "", f"not valid YAML: {said}")
    hint = " (indent with spaces, and quote a value that starts with a special character)" if "token" in said else ""
    return Problem(_position(source, mark), "", f"not valid YAML: {said}{hint}")


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_FOUND else f"{text[:_LONGEST_FOUND]}..."


def _kind(value: object) -> str:
    return {dict: "a mapping", list: "a list", str: "a text", type(None): "nothing"}.get(type(value), "a bare value")
