"""`autosearch report`: one HTML page about a search."""

import argparse
from pathlib import Path

from autosearch.cli.search_source import local_folder, open_search
from autosearch.views.report import write_report


def main(arguments: argparse.Namespace) -> int:
    """Write the page and say where it is."""
    job, trials = open_search(arguments)
    folder = local_folder(arguments)
    usual = folder / "report.html" if folder is not None else Path(f"{job.name}-report.html")
    print(f"report: {write_report(job, trials, arguments.to or usual)}")
    return 0
