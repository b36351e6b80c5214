"""`autosearch push`: a folder onto a claim of the cluster."""

import argparse

from autosearch.cli.cluster import on_cluster, where
from autosearch.cli.transfer_progress import Progress, in_bytes
from autosearch.kubernetes.access import Cluster
from autosearch.kubernetes.objects import read_job
from autosearch.kubernetes.resources import CLAIMS
from autosearch.kubernetes.tar_packing import Packing, pack
from autosearch.kubernetes.transfer import Place, Told, push
from autosearch.kubernetes.transfer_plan import pods_to_push, read_place


def main(arguments: argparse.Namespace) -> int:
    """Bring the folder there."""
    place = read_place(arguments.target)
    packing = pack(arguments.folder)
    progress = Progress("sent")
    try:
        told = progress.told(arguments.wait)
        namespace = on_cluster(where(arguments), lambda cluster: _pushed(cluster, arguments, packing, place, told))
    finally:
        progress.end()
    files = f"{packing.files} file{'s' if packing.files != 1 else ''}, {in_bytes(packing.content)}"
    print(f"{place} in namespace {namespace}: {files}, each one's sum compared")
    return 0


async def _pushed(cluster: Cluster, arguments: argparse.Namespace, packing: Packing, place: Place, told: Told) -> str:
    # The pod of a claim that is missing would wait for it for ever.
    await cluster.get(CLAIMS, place.claim)
    like = await read_job(cluster, arguments.like) if arguments.like else None
    pods = pods_to_push(place, like=like, image=arguments.image, run_as=arguments.run_as)
    await push(cluster, packing, place, pods, told, replace=arguments.replace)
    return cluster.namespace
