"""`autosearch lint`: a training script against the contract."""

import argparse
import tokenize
from pathlib import Path

from autosearch.api.errors import InvalidInputError, Problem
from autosearch.cli.files import read_job
from autosearch.engine.command_line import passes_resume
from autosearch.lint import lint_source


def main(arguments: argparse.Namespace) -> int:
    """Print findings, one a line; 2 if one of them is an error."""
    path = arguments.script
    source = _source(path)
    if source is None:
        raise InvalidInputError([Problem(str(path), "", "cannot be read as the text of a Python script")])
    others = {other.name: text for other in path.parent.glob("*.py") if other != path and (text := _source(other))}
    job = read_job(arguments.file)[0] if arguments.file else None
    findings = lint_source(
        source,
        str(path),
        [parameter.to_dict() for parameter in job.spec.parameters] if job else None,
        algorithm=job.spec.algorithm.name if job else None,
        framework=job.spec.framework if job else None,
        metric=job.spec.objective.metric if job else None,
        inference_sources=others,
        perturb_interval=bool(job and job.spec.algorithm.pbt and job.spec.algorithm.pbt.perturb_interval),
        resumes=bool(job and passes_resume(job)),
        early_stopping=bool(job and job.spec.early_stopping),
    )
    for finding in findings:
        print(f"{path}:{finding.line}: {finding.severity} {finding.rule_id}: {finding.message}; {finding.fix}")
    errors = sum(finding.severity == "error" for finding in findings)
    print(
        f"{path}: {errors} errors, {len(findings) - errors} warnings" if findings else f"{path}: follows the contract"
    )
    return 2 if errors else 0


def _source(path: Path) -> str | None:
    """Read a Python file as the interpreter would, in the encoding that it declares; None if that cannot be."""
    try:
        with tokenize.open(path) as file:
            return file.read()
    except (OSError, SyntaxError, UnicodeDecodeError):
        return None
