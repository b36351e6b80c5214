"""`autosearch logs`: what a trial on a cluster printed."""

import argparse
import sys
from contextlib import aclosing

from autosearch.cli.cluster import on_cluster, where
from autosearch.kubernetes.access import Cluster
from autosearch.kubernetes.objects import read_search
from autosearch.kubernetes.pod_logs import Wanted, choose, log_lines


def main(arguments: argparse.Namespace) -> int:
    """Print the log."""
    on_cluster(where(arguments), lambda cluster: _printed(cluster, arguments))
    return 0


async def _printed(cluster: Cluster, arguments: argparse.Namespace) -> None:
    job, trials = await read_search(cluster, arguments.job)
    chosen = choose(job, trials, Wanted(arguments.trial, arguments.best, arguments.attempt))
    _note(f"trial {chosen.trial.spec.trial_id}, attempt {chosen.id}")
    async with aclosing(log_lines(cluster, job, chosen, follow=arguments.follow, note=_note)) as lines:
        async for line in lines:
            print(line, flush=arguments.follow)


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)
