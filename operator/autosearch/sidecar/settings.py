"""What the operator tells a sidecar, and where things are in a trial's pod.

Owns: the one environment variable that carries the settings, and the paths that pod builder and sidecar share. It
imports the standard library alone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

SETTINGS = "AUTOSEARCH_SIDECAR"
"""Environment variable that holds the settings as JSON."""

RUN = "/autosearch/run"
"""Shared folder: writable for the sidecar, read-only for the trial."""
SOCKET = f"{RUN}/report.sock"
READY = f"{RUN}/ready"
"""File that exists once the socket is open and everything is copied."""
PYTHON = f"{RUN}/python"
"""Folder with the SDK's packages, put in front of the trial's PYTHONPATH."""
RESULT_FOLDER = "/autosearch/result"
"""Shared folder, writable for both."""
RESULT = f"{RESULT_FOLDER}/result.json"
STATE = "/autosearch/state"
"""The sidecar's own folder: the accepted report survives a restart of its container there."""
CODE = "/autosearch/code"
"""The user's code as mounted, read-only; copied to WORK."""
WORK = "/autosearch/work"
"""The trial's working directory as the sidecar sees it."""
OUTPUT = "/autosearch/output"
"""The output root as the sidecar sees it, read-only."""
TOKEN = "/var/run/secrets/autosearch.dev/token"  # noqa: S105 - a path
"""Projected, pod-bound token for the report server; read anew for each request."""
TERMINATION_LOG = "/dev/termination-log"

_EXPLANATION_BYTES = 900


@dataclass(frozen=True)
class SidecarSettings:
    """What one attempt's sidecar needs to know.

    Attributes:
        job_id: as the script gets it.
        attempt_id: what the script sees as its trial id.
        trial_name: name of the Trial object.
        metric: name of the objective metric.
        working_directory: the script's, absolute.
        framework: which files the model folder must hold; "" asks for none in particular.
        checkpoint_required: a final report needs a checkpoint (PBT).
        model_kept: False where the job has no output: reported paths are then ignored.
        copies_code: CODE is mounted and is to be copied to WORK.
        report_url: address of the report server, such as `https://autosearch.autosearch-system.svc:8443`; "" for none.
        ca_certificate: PEM of who signed the server's certificate.
    """

    job_id: str
    attempt_id: str
    trial_name: str
    metric: str
    working_directory: str
    framework: str = ""
    checkpoint_required: bool = False
    model_kept: bool = True
    copies_code: bool = False
    report_url: str = ""
    ca_certificate: str = ""

    def to_json(self) -> str:
        """Give the text for the environment variable."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> SidecarSettings:
        """Read it back; raises `ValueError` or `TypeError` if it is not what `to_json` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Verdict:
    """What a sidecar leaves behind as its termination message: JSON of the fields that are set.

    Attributes:
        report: the accepted final report, as `FinalReport.to_dict` gives it; None if there is none.
        reported: when it was accepted, seconds since the epoch.
        refusal: why the last final report was refused; "" if none was.
        diverged: it was refused because it held NaN or infinity.
        fault: one word for what kept the trial from starting, such as `DirectoryExists`, `CopyFailed`; "" for nothing.
        message: the same for people.
    """

    report: dict[str, object] | None = None
    reported: float | None = None
    refusal: str = ""
    diverged: bool = False
    fault: str = ""
    message: str = ""

    def to_json(self) -> str:
        """Give the termination message: at most 2,048 bytes as UTF-8, with what it may hold and in the pods we make.

        The kubelet shares 12 kB among a pod's containers, at most six here, and cuts what is longer: a report that were
        cut would be lost. So the text is compact, not escaped to ASCII, and explanations are cut here.
        """
        fields = {name: value for name, value in asdict(self).items() if value not in (None, "", False)}
        for name in ("refusal", "message"):
            if name in fields:
                fields[name] = _cut(str(fields[name]))
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Verdict | None:
        """Read a termination message; None if it is not one of a sidecar's.

        Fields that are not known are passed over: a newer sidecar may have written some, and its report counts.
        """
        try:
            found = json.loads(text)
            known = {name: found[name] for name in cls.__dataclass_fields__ if name in found}
            return cls(**known) if known or found == {} else None
        except (ValueError, TypeError):
            return None


def _cut(text: str) -> str:
    """Cut an explanation to what fits, counted as it is written in JSON."""
    while len(json.dumps(text, ensure_ascii=False).encode("utf-8", "backslashreplace")) > _EXPLANATION_BYTES:
        text = text[: len(text) - max(1, len(text) // 20)]
    return text
