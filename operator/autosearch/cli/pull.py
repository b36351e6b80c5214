"""`autosearch pull`: a trial's model from the cluster into a folder here."""

import argparse

from autosearch.cli.cluster import on_cluster, where
from autosearch.cli.transfer_progress import Progress
from autosearch.kubernetes.access import Cluster
from autosearch.kubernetes.objects import read_search
from autosearch.kubernetes.pod_logs import Wanted, choose
from autosearch.kubernetes.transfer import Told, pull
from autosearch.kubernetes.transfer_plan import model_of, pod_to_pull


def main(arguments: argparse.Namespace) -> int:
    """Fetch the model."""
    progress = Progress("fetched")
    try:
        told = progress.told(arguments.wait)
        print(on_cluster(where(arguments), lambda cluster: _pulled(cluster, arguments, told)))
    finally:
        progress.end()
    return 0


async def _pulled(cluster: Cluster, arguments: argparse.Namespace, told: Told) -> str:
    job, trials = await read_search(cluster, arguments.job)
    trial = choose(job, trials, Wanted(arguments.trial, best=arguments.trial is None)).trial
    given = pod_to_pull(job, image=arguments.image, run_as=arguments.run_as)
    path = model_of(job, trial)
    left_out = await pull(cluster, given, path, arguments.folder, told)
    for name in left_out:
        told.note(f"{name} is a link or a device, and was left out")
    value = trial.status.value
    found = f", {job.spec.objective.metric} {value:g}" if value is not None else ""
    return f"{arguments.folder}: the model of trial {trial.spec.trial_id}{found}"
