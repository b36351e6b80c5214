"""The command line and the environment of a trial, as the contract has it.

Owns: which flags are appended, and their text. It passes nothing that the script did not declare: scripts parse
strictly. References such as `$(AUTOSEARCH_PARAM_lr)` are left for the kubelet, or the local shell, to expand.
"""

import json
from dataclasses import dataclass
from typing import Any

from autosearch.api.job import AutoSearchJob
from autosearch.api.parameters import canonical_value, value_text
from autosearch.api.trial import Trial
from autosearch.engine.names import job_id

OUTPUT = "./output"


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What is started: `command` and `args` as in a container, and the variables that are added to its environment."""

    command: list[str]
    args: list[str]
    env: dict[str, str]


def trial_container(job: AutoSearchJob) -> dict[str, Any]:
    """Give the container named `trial`, else the first."""
    containers: list[dict[str, Any]] = job.spec.template["spec"]["containers"]
    return next((container for container in containers if container.get("name") == "trial"), containers[0])


def passes_resume(job: AutoSearchJob) -> bool:
    """Say whether the script is given `--resume_checkpoint_path`."""
    return job.spec.algorithm.pbt is not None or job.spec.retry_from == "LastCheckpoint"


def command_line(job: AutoSearchJob, trial: Trial, attempt_id: str, resume_checkpoint_path: str = "") -> CommandLine:
    """Build what one attempt runs.

    Args:
        attempt_id: what the script sees as its trial id.
        resume_checkpoint_path: relative to the output root; "" for nothing.
    """
    container = trial_container(job)
    resume = f"{OUTPUT}/{resume_checkpoint_path}" if resume_checkpoint_path else ""
    contract = _contract_values(job, attempt_id)
    parameters = _parameter_texts(job, trial)
    flags = _appended(job, contract, parameters, resume)
    return CommandLine(
        command=[str(word) for word in container.get("command", [])],
        args=[*(str(word) for word in container.get("args", [])), *(flag.replace("$", "$$") for flag in flags)],
        env=_environment(job, trial, contract, parameters, resume),
    )


def _contract_values(job: AutoSearchJob, attempt_id: str) -> dict[str, str]:
    return {
        "job_id": job_id(job),
        "trial_id": attempt_id,
        "metric": job.spec.objective.metric,
        "data_sampling_scale": repr(job.spec.data_sampling_percent / 100),
    }


def _parameter_texts(job: AutoSearchJob, trial: Trial) -> dict[str, str]:
    return {p.name: value_text(p, trial.spec.parameters[p.name]) for p in job.spec.parameters}


def _appended(job: AutoSearchJob, contract: dict[str, str], parameters: dict[str, str], resume: str) -> list[str]:
    if job.spec.arguments == "None":
        return []
    values = dict(parameters)
    if job.spec.arguments == "Contract":
        values = contract | parameters
        if passes_resume(job):
            values["resume_checkpoint_path"] = resume
        pbt = job.spec.algorithm.pbt
        if pbt is not None and pbt.perturb_interval is not None:
            values["perturb_interval"] = str(pbt.perturb_interval)
    return [f"--{name}={text}" for name, text in values.items()]


def _environment(
    job: AutoSearchJob, trial: Trial, contract: dict[str, str], parameters: dict[str, str], resume: str
) -> dict[str, str]:
    typed = {p.name: canonical_value(p, trial.spec.parameters[p.name]) for p in job.spec.parameters}
    return {
        **{f"AUTOSEARCH_{name.upper()}": text for name, text in contract.items()},
        **{f"AUTOSEARCH_PARAM_{name}": text for name, text in parameters.items()},
        "AUTOSEARCH_PARAMETERS": json.dumps(typed),
        "AUTOSEARCH_RESUME_CHECKPOINT_PATH": resume,
    }
