"""The wire between a trial's script and the process beside it: one JSON line each way on a unix socket.

Owns the form of requests, replies and kept reports, and their limits. It must never touch a file or a
socket, and imports the standard library alone: it is loaded into every trial's pod.

Requests: ``{"type": "final", "job_id", "trial_id", "metric": {name: number}, "export_model_path",
"checkpoint_path", "cwd"}`` and ``{"type": "progress", "job_id", "trial_id", "step", "metrics",
"checkpoint_path", "cwd"}``. Replies: ``{"accepted": bool, "message": str}``, for progress also
``"stop": bool``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REPORT_BYTES = 2_000
"""An accepted report as JSON: the kubelet keeps 4,096 bytes of a container's message, 12 kB of a pod's."""
PATH_BYTES = 400
METRICS = 8
LINE_BYTES = 64 * 1024
LARGEST_STEP = 2**31 - 1
"""The largest step that a Trial's status can hold."""

_QUOTED = 120

Message = dict[str, Any]
"""One request or reply, decoded."""


class Refused(ValueError):  # noqa: N818 - an answer to a script, not a fault of the program
    """A report that breaks a rule; the text names the field, what was found and what to write instead."""


class Diverged(Refused):
    """The report held NaN or infinity: the training's fault, and not the script's."""


@dataclass(frozen=True, slots=True)
class FinalReport:
    """An accepted result. Paths are relative to the output root; "" means that there is none."""

    value: float
    metrics: dict[str, float]
    model_path: str = ""
    checkpoint_path: str = ""

    def to_dict(self) -> Message:
        """Return the form that is stored and sent on, with the API's key names."""
        return {
            "value": self.value,
            "metrics": dict(self.metrics),
            "modelPath": self.model_path,
            "checkpointPath": self.checkpoint_path,
        }

    def to_json(self) -> str:
        """Return the compact JSON text whose UTF-8 length ``REPORT_BYTES`` limits."""
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> FinalReport:
        """Read what ``to_dict`` wrote.

        Raises:
            Refused: if a key is missing or holds the wrong kind of value.
        """
        return cls(
            value=number("value", stored.get("value")),
            metrics=numbers("metrics", stored.get("metrics")),
            model_path=text(stored, "modelPath"),
            checkpoint_path=text(stored, "checkpointPath"),
        )


@dataclass(frozen=True, slots=True)
class ProgressReport:
    """The metrics of one step of a running trial; the checkpoint path is as in ``FinalReport``."""

    step: int
    metrics: dict[str, float]
    checkpoint_path: str = ""


@dataclass(frozen=True, slots=True)
class ProgressAnswer:
    """What whoever keeps observations says to one: taken or not, and whether the trial should end now."""

    accepted: bool
    stop: bool = False
    message: str = "accepted"


def shown(found: object) -> str:
    """Return a found value as an error quotes it: short, printable, never nested."""
    if isinstance(found, dict):
        return "an object"
    if isinstance(found, list | tuple):
        return f"a list of {len(found)}"
    quoted = repr(found)
    return quoted if len(quoted) <= _QUOTED else f"{quoted[:_QUOTED]}..."


def number(field: str, found: object) -> float:
    """Return ``found`` as a finite float.

    Raises:
        Refused: if it is no number (a boolean is none), NaN or infinite.
    """
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise Refused(f"{field}: found {shown(found)}, a number is needed: write float(value)")
    try:
        value = float(found)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise Diverged(
            f"{field}: found {value}, a finite number is needed: if training diverged, let the script end "
            "with an error instead of reporting, and the search will avoid this region"
        )
    return value


def numbers(field: str, found: object) -> dict[str, float]:
    """Return ``found`` as at most ``METRICS`` named finite numbers.

    Raises:
        Refused: if it is no object, is empty or too large, or has a bad name or value.
    """
    if not isinstance(found, dict) or not found:
        raise Refused(f"{field}: found {_bare(found)}, write a dict such as {{'acc': 0.93}}")
    if len(found) > METRICS:
        raise Refused(f"{field}: found {len(found)} entries, at most {METRICS} are kept: report fewer")
    for name in found:
        if not isinstance(name, str) or not name or not plain(name):
            raise Refused(f"{field}: found the name {shown(name)}, write one without control characters")
    return {name: number(f"{field} {shown(name)}", value) for name, value in found.items()}


def _bare(found: object) -> str:
    return "an empty object" if found == {} else shown(found)


def text(message: Mapping[str, Any], field: str) -> str:
    """Return a text field, "" where it is absent or null.

    Raises:
        Refused: if it is not text.
    """
    found = message.get(field)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise Refused(f"{field}: found {shown(found)}, write a text")
    return found


def plain(written: str) -> bool:
    """Say whether a text has no control characters and can be written as UTF-8."""
    return not any(sign < " " or sign == "\x7f" or "\ud800" <= sign <= "\udfff" for sign in written)


def parse_request(line: bytes) -> Message:
    """Decode one line, without or with its newline, to an object.

    Raises:
        Refused: if it is no UTF-8, no JSON or no JSON object.
    """
    try:
        found = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Refused(f"request: not one line of JSON ({shown(str(error))})") from None
    if not isinstance(found, dict):
        raise Refused(f"request: found {shown(found)}, write a JSON object")
    return found


def encode_reply(reply: Message) -> bytes:
    """Return a reply as the line that goes over the socket."""
    return json.dumps(reply).encode("ascii") + b"\n"
