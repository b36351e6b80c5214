"""`autosearch report`: one HTML page about a search."""

import argparse

from autosearch.local.runner import open_results
from autosearch.views.report import write_report


def main(arguments: argparse.Namespace) -> int:
    """Write the page and say where it is."""
    job, trials = open_results(arguments.directory)
    page = write_report(job, trials, arguments.to or arguments.directory / "report.html")
    print(f"report: {page}")
    return 0
