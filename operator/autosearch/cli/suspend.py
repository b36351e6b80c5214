"""`autosearch suspend`: end a search's running trials on a cluster until it is resumed."""

import argparse

from autosearch.cli.cluster import again, on_cluster, where
from autosearch.kubernetes.suspension import set_suspend


def main(arguments: argparse.Namespace) -> int:
    """Suspend, and say what happens next."""
    flags = again(arguments)
    told = on_cluster(where(arguments), lambda cluster: set_suspend(cluster, arguments.job, suspend=True, flags=flags))
    print(told)
    return 0
