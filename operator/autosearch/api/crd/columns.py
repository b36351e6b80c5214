"""What `kubectl get` prints, and by which fields the API server selects.

Owns: printer columns. They show the status as it is; nothing is worked out by them.
"""

from typing import Any

Column = dict[str, Any]


def _column(name: str, kind: str, path: str, text: str) -> Column:
    return {"name": name, "type": kind, "jsonPath": path, "description": text}


_AGE = _column("Age", "date", ".metadata.creationTimestamp", "time since the object was created")
JOB = [
    _column("State", "string", ".status.state", "Pending, Running, Suspended, Complete or Failed"),
    _column("Trials", "string", ".status.progress", "finished trials and how many there will be"),
    _column("Running", "integer", ".status.trials.running", "trials whose script runs"),
    _column("Failed", "integer", ".status.trials.failed", "trials that failed for good"),
    _column("Best", "number", ".status.best.value", "the best value so far"),
    _AGE,
]
TRIAL = [
    _column("Job", "string", ".spec.jobName", "the search that the trial belongs to"),
    _column("State", "string", ".status.state", "Pending, Running, Succeeded, EarlyStopped, Failed or Stopped"),
    _column("Value", "number", ".status.value", "the objective's value"),
    _column("Attempts", "integer", ".status.attemptCount", "runs so far"),
    _AGE,
]
TRIAL_SELECTABLE = [{"jsonPath": ".spec.jobName"}]
