"""`autosearch validate`: everything that is wrong with a job file."""

import argparse

from autosearch.cli.files import read_job
from autosearch.engine.budget import planned_trials


def main(arguments: argparse.Namespace) -> int:
    """Say that the file is right and what it asks for; problems are raised."""
    job, notes = read_job(arguments.file)
    for note in notes:
        print(f"note: {note}")
    planned = planned_trials(job)
    trials = "an unlimited number of trials" if planned is None else f"{planned} trials"
    names = ", ".join(parameter.name for parameter in job.spec.parameters)
    print(f"{arguments.file}: valid; {job.spec.algorithm.name}, {trials}, {job.spec.parallelism} at once, over {names}")
    return 0
