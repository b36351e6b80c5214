"""A static check of a training script against the contract; nothing of the user's is ever imported or run.

Owns: `lint_source` and the order of its findings. Each rule is explained in docs/write-a-script.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from autosearch.lint.contract_rules import (
    PASSED,
    check_flags,
    check_misprints,
    check_misprints_in_text,
    check_never_passed,
    check_parsing,
    check_source_of_arguments,
)
from autosearch.lint.inference_rules import check_inference
from autosearch.lint.parameter_rules import check_bool_traps, check_parameter
from autosearch.lint.report_rules import check_inheritance, check_progress, check_report, check_resume
from autosearch.lint.rules import RULES, Finding, finding
from autosearch.lint.script import Place, Script, read_script

__all__ = ["RULES", "Finding", "lint_source"]
_NONE: Mapping[str, str] = MappingProxyType({})


def lint_source(
    source: str,
    filename: str,
    parameters: Sequence[Mapping[str, Any]] | None,
    *,
    algorithm: str | None = None,
    framework: str | None = None,
    metric: str | None = None,
    inference_sources: Mapping[str, str] = _NONE,
    perturb_interval: bool = False,
    resumes: bool = False,
    early_stopping: bool = False,
) -> list[Finding]:
    """Checks a script against the contract.

    Args:
        source, filename: the script's text and name.
        parameters: as in `spec.parameters`; None when no job is known, then parameters are not checked.
        algorithm: the job's, such as `pbt`; None when unknown.
        framework, metric: the job's; None when unknown. Of the frameworks only PyTorch has rules of its own.
        inference_sources: the other Python files beside the script, name -> text: inference code and imported modules.
        perturb_interval: the job passes `--perturb_interval`.
        resumes: the job passes `--resume_checkpoint_path` though it is not PBT (`retryFrom: LastCheckpoint`).
        early_stopping: the job has `earlyStopping`.

    Returns:
        Findings by line; a file that is no Python gives a finding too, never an exception.
    """
    try:
        script = read_script(source, filename, inference_sources)
    except SyntaxError as error:
        return [_syntax(error), *check_misprints_in_text(source)]
    found = [
        *_argument_findings(script, parameters, algorithm, perturb_interval, resumes),
        *check_report(script, metric),
        *(check_progress(script) if early_stopping else ()),
        *_inheritance_findings(script, algorithm),
    ]
    found += check_inference(source, inference_sources) if framework == "PyTorch" else ()
    return sorted(dict.fromkeys(found), key=lambda each: (each.line, each.rule_id, each.message))


def _argument_findings(
    script: Script,
    parameters: Sequence[Mapping[str, Any]] | None,
    algorithm: str | None,
    perturb_interval: bool,
    resumes: bool,
) -> Iterator[Finding]:
    yield from check_source_of_arguments(script)
    yield from check_misprints(script)
    if not script.declared:
        return
    resumed = algorithm == "pbt" or resumes
    searched = {str(parameter["name"]) for parameter in parameters or ()}
    yield from check_flags(script)
    for parameter in parameters or ():
        yield from check_parameter(script, parameter)
    yield from check_bool_traps(script, searched)
    yield from check_resume(script, passed=resumed, interval=perturb_interval)
    passed = {*PASSED, *searched, *(("resume_checkpoint_path",) if resumed else ())}
    passed |= {"perturb_interval"} if perturb_interval else set()
    yield from check_never_passed(script, None if parameters is None else passed)
    yield from check_parsing(script)


def _inheritance_findings(script: Script, algorithm: str | None) -> Iterator[Finding]:
    if algorithm == "pbt" or (algorithm is None and "resume_checkpoint_path" in script.flags):
        yield from check_inheritance(script, certain=algorithm == "pbt")


def _syntax(error: SyntaxError) -> Finding:
    message = f"the script is no valid Python 3: {error.msg}"
    return finding(
        "AS001", Place(error.lineno or 1), message, "correct it; `python -m py_compile SCRIPT` shows the place"
    )
