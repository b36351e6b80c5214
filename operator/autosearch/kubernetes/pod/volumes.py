"""The volumes of a pod while it is built.

Owns: the rule that equal volume sources become one pod volume, with read-only set on the mounts alone. Two pod volumes
of one claim, one of them read-only, would make both read-only.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from autosearch.kubernetes.pod.settings import Json

# Of these, `readOnly` in the source is about all mounts at once, and says nothing that a mount cannot say.
_WITH_READ_ONLY = frozenset({"persistentVolumeClaim", "nfs"})
# Equal words, but another folder each time.
_ALWAYS_NEW = frozenset({"emptyDir", "ephemeral"})


def joined(*parts: str) -> str:
    """Join the parts of a path, leaving out those that are empty; a first slash is kept."""
    first, *others = [part for part in parts if part.strip("/")] or [""]
    return "/".join([first.rstrip("/"), *(part.strip("/") for part in others)])


def mount(name: str, path: str, *, inner: str = "", read_only: bool = False) -> Json:
    """Make a volume mount; `inner` is the folder in the volume, "" for all of it."""
    made: Json = {"name": name, "mountPath": path}
    if read_only:
        made["readOnly"] = True
    if inner:
        made["subPath"] = inner
    return made


class Volumes:
    """The volumes of one pod, the template's first."""

    def __init__(self, own: Iterable[Mapping[str, Any]], containers: Iterable[Json]) -> None:
        """Take over a template's volumes.

        Args:
            own: copies, which may be changed.
            containers: all containers of the template, copies too.
        """
        self.all: list[Json] = [dict(volume) for volume in own]
        self._containers = list(containers)

    def shared(self, name: str, source: Mapping[str, Any]) -> str:
        """Give the name of the pod volume for a source: one that is there already, else a new one.

        Args:
            name: what a new one is called; the same name always means the same source.
        """
        if any(volume["name"] == name for volume in self.all):
            return name
        wanted = _identity(source)
        for volume in self.all:
            found = {key: value for key, value in volume.items() if key != "name"}
            if wanted is not None and _identity(found) == wanted:
                self._move_read_only(volume)
                return str(volume["name"])
        return self.new(name, _without_read_only(source))

    def new(self, name: str, source: Mapping[str, Any]) -> str:
        """Add a volume that is nobody else's."""
        self.all.append({"name": name, **source})
        return name

    def _move_read_only(self, volume: Json) -> None:
        """Let the template's own mounts of a volume say that they are read-only, so that ours may write."""
        kinds = [kind for kind in _WITH_READ_ONLY if (volume.get(kind) or {}).get("readOnly")]
        for kind in kinds:
            volume.update(_without_read_only({kind: volume[kind]}))
            for container in self._containers:
                for used in container.get("volumeMounts") or []:
                    if used.get("name") == volume["name"]:
                        used["readOnly"] = True


def _without_read_only(source: Mapping[str, Any]) -> Json:
    return {
        kind: {key: value for key, value in (words or {}).items() if key != "readOnly"}
        if kind in _WITH_READ_ONLY
        else words
        for kind, words in source.items()
    }


def _identity(source: Mapping[str, Any]) -> str | None:
    """Give a text that is equal for two sources of the same files; None for what is new each time."""
    if not source or _ALWAYS_NEW & source.keys():
        return None
    return json.dumps(_without_read_only(source), sort_keys=True, default=str)
