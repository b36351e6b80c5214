"""Where `results` and `report` read a search from: a run's folder, or a cluster.

Owns: the rule that tells the two apart, and nothing else.
"""

import argparse
import re
from pathlib import Path

from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial

_JOB_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")


def local_folder(arguments: argparse.Namespace) -> Path | None:
    """Give the folder that is meant; None where a job on a cluster is."""
    search: str = arguments.search
    if any(value is not None for value in (arguments.namespace, arguments.context, arguments.kubeconfig)):
        return None
    is_folder = "/" in search or (Path(search) / "job.json").exists() or not _JOB_NAME.fullmatch(search)
    return Path(search) if is_folder else None


def open_search(arguments: argparse.Namespace) -> tuple[AutoSearchJob, list[Trial]]:
    """Read the search and its trials, in the order of their numbers.

    Raises:
        StateConflictError: there is no search in that folder, or a file is damaged.
        EnvironmentFaultError: there is neither such a folder nor a cluster.
        ApiError: the cluster refuses.
    """
    folder = local_folder(arguments)
    if folder is not None:
        from autosearch.local.runner import open_results

        return open_results(folder)
    from autosearch.api.errors import EnvironmentFaultError
    from autosearch.cli.cluster import on_cluster, where
    from autosearch.kubernetes.objects import read_search

    try:
        return on_cluster(where(arguments), lambda cluster: read_search(cluster, arguments.search))
    except EnvironmentFaultError as error:
        text = (
            f"{arguments.search} is no folder of a run (it has no job.json), so it was taken for a job on a cluster: "
        )
        raise EnvironmentFaultError(f"{text}{error}") from None
