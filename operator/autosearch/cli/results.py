"""`autosearch results`: the trials of a search, for people or as JSON."""

import argparse
import json

from autosearch.cli.output import console
from autosearch.cli.search_source import open_search


def main(arguments: argparse.Namespace) -> int:
    """Print a table, or `{"job": ..., "trials": [...]}` with objects as in the API."""
    job, trials = open_search(arguments)
    if arguments.json:
        print(json.dumps({"job": job.to_dict(), "trials": [trial.to_dict() for trial in trials]}))
        return 0
    from autosearch.views.table import print_results

    print_results(console(), job, trials)
    return 0
