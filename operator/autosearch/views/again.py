"""How to run the best trial's script once more by hand.

Owns: the shell command and what must be in the folder where it is run. It runs nothing.
"""

import json
import re
import shlex

from autosearch.api.job import AutoSearchJob
from autosearch.api.parameters import canonical_value
from autosearch.api.trial import Trial
from autosearch.engine.command_line import OUTPUT, trial_container
from autosearch.views.wording import exact

_REFERENCE = re.compile(r"\$\((AUTOSEARCH_\w+)\)")


def again_command(job: AutoSearchJob, trial: Trial) -> str:
    """Give the shell command that runs the script with a trial's parameters, and its checkpoint where it had one."""
    container, variables = trial_container(job), _variables(job, trial)
    words = [str(word) for word in [*container.get("command", []), *container.get("args", [])]]
    told = [_REFERENCE.sub(lambda found: variables.get(found[1], found[0]), word) for word in words]
    if job.spec.arguments == "None":
        return " \\\n  ".join(["env", *_assigned(variables), shlex.join(told)])
    flags = [shlex.quote(f"--{name}={value}") for name, value in _flags(job, trial).items()]
    return " \\\n  ".join([shlex.join(told), *flags])


def again_place(job: AutoSearchJob, trial: Trial) -> str:
    """Say where the command works: `in a folder that holds the script and train_data`."""
    data = {"train_data": job.spec.train_data, "test_data": job.spec.test_data}
    things = ["the script", *(name for name, source in data.items() if source is not None)]
    things += ["this search's output"] if trial.spec.resume else []
    *first, last = things
    return f"in a folder that holds {', '.join(first)} and {last}" if first else f"in a folder that holds {last}"


def _flags(job: AutoSearchJob, trial: Trial) -> dict[str, str]:
    flags = {p.name: exact(p, trial.spec.parameters.get(p.name)) for p in job.spec.parameters}
    if job.spec.arguments != "Contract":
        return flags
    if (scale := job.spec.data_sampling_percent / 100) != 1:
        flags["data_sampling_scale"] = repr(scale)
    pbt = job.spec.algorithm.pbt
    if pbt is not None and trial.spec.resume is not None:
        flags["resume_checkpoint_path"] = f"{OUTPUT}/{trial.spec.resume.checkpoint_path}"
    if pbt is not None and pbt.perturb_interval is not None:
        flags["perturb_interval"] = str(pbt.perturb_interval)
    return flags


def _variables(job: AutoSearchJob, trial: Trial) -> dict[str, str]:
    """Give the variables that the script saw, but for those that only mean something inside a search."""
    known = {p.name: p for p in job.spec.parameters if p.name in trial.spec.parameters}
    resume = trial.spec.resume
    return {
        "AUTOSEARCH_METRIC": job.spec.objective.metric,
        "AUTOSEARCH_DATA_SAMPLING_SCALE": repr(job.spec.data_sampling_percent / 100),
        "AUTOSEARCH_RESUME_CHECKPOINT_PATH": f"{OUTPUT}/{resume.checkpoint_path}" if resume else "",
        "AUTOSEARCH_RESULT": "result.json",
        **{f"AUTOSEARCH_PARAM_{name}": exact(p, trial.spec.parameters[name]) for name, p in known.items()},
        "AUTOSEARCH_PARAMETERS": json.dumps(_typed(job, trial)),
    }


def _typed(job: AutoSearchJob, trial: Trial) -> dict[str, object]:
    typed: dict[str, object] = {}
    for parameter in job.spec.parameters:
        value = trial.spec.parameters.get(parameter.name)
        try:
            typed[parameter.name] = None if value is None else canonical_value(parameter, value)
        except ValueError:
            typed[parameter.name] = value
    return typed


def _assigned(variables: dict[str, str]) -> list[str]:
    return [f"{name}={shlex.quote(value)}" for name, value in variables.items() if value]
