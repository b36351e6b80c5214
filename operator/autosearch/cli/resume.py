"""`autosearch resume`: let a suspended search on a cluster go on."""

import argparse

from autosearch.cli.cluster import again, on_cluster, where
from autosearch.kubernetes.suspension import set_suspend


def main(arguments: argparse.Namespace) -> int:
    """Resume, and say what happens next."""
    flags = again(arguments)
    told = on_cluster(where(arguments), lambda cluster: set_suspend(cluster, arguments.job, suspend=False, flags=flags))
    print(told)
    return 0
