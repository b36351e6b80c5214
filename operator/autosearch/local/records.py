"""The stored form of a run: the local counterpart of a pod object.

Owns: the JSON of `runs/<attempt id>.json`. The record is written before the process starts, again with an accepted
report, and again with the end.
"""

from datetime import datetime
from typing import Any

from autosearch.api.base import format_time
from autosearch.engine.snapshot import Report, Run

_TIMES = ("started", "ended", "reported")
_PLAIN = ("reason", "message", "disrupted", "refusal", "diverged", "gpus")


def run_to_dict(run: Run) -> dict[str, Any]:
    """Give the stored form, without what is absent or says nothing."""
    stored: dict[str, Any] = {"trialName": run.trial_name, "attemptId": run.attempt_id, "uid": run.uid}
    for name in _TIMES:
        if (time := getattr(run, name)) is not None:
            stored[name] = format_time(time)
    if run.exit_code is not None:
        stored["exitCode"] = run.exit_code
    stored.update({name: value for name in _PLAIN if (value := getattr(run, name))})
    if run.report is not None:
        stored["report"] = _report_to_dict(run.report)
    return stored


def _report_to_dict(report: Report) -> dict[str, Any]:
    return {
        "value": report.value,
        "metrics": dict(report.metrics),
        "modelPath": report.model_path,
        "checkpointPath": report.checkpoint_path,
    }


def run_from_dict(stored: dict[str, Any]) -> Run:
    """Read what `run_to_dict` wrote; a run without an end is read as alive.

    Raises:
        ValueError, KeyError, TypeError: if it is not of that form.
    """
    fields: dict[str, Any] = {name: stored[name] for name in _PLAIN if name in stored}
    fields.update({name: _time(stored[name]) for name in _TIMES if name in stored})
    report = stored.get("report")
    return Run(
        trial_name=stored["trialName"],
        attempt_id=stored["attemptId"],
        uid=stored["uid"],
        alive="ended" not in stored,
        exit_code=stored.get("exitCode"),
        report=_report_from_dict(report) if report is not None else None,
        **fields,
    )


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return found


def _report_from_dict(stored: dict[str, Any]) -> Report:
    return Report(
        value=float(stored["value"]),
        metrics={str(name): float(value) for name, value in stored["metrics"].items()},
        model_path=str(stored["modelPath"]),
        checkpoint_path=str(stored["checkpointPath"]),
    )
