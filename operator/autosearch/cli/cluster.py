"""What the commands that speak to a cluster share: their flags' meaning, and running what is asynchronous.

Owns: from parsed arguments to a connection.
"""

import argparse
import asyncio
import shlex
from collections.abc import Awaitable, Callable
from typing import TypeVar

from autosearch.kubernetes.access import Cluster, Where, open_cluster

Result = TypeVar("Result")
_TO_CLOSE = 0.01


def where(arguments: argparse.Namespace) -> Where:
    """Give what the user said about the cluster."""
    return Where(arguments.namespace, arguments.context, arguments.kubeconfig)


def on_cluster(place: Where, work: Callable[[Cluster], Awaitable[Result]]) -> Result:
    """Connect, do the work, and give its result; raises what either raises."""

    async def connected() -> Result:
        try:
            async with open_cluster(place) as cluster:
                return await work(cluster)
        finally:
            # aiohttp has only asked its connections to end; a loop that stops now would leave them open.
            await asyncio.sleep(_TO_CLOSE)

    return asyncio.run(connected())


def again(arguments: argparse.Namespace) -> str:
    """Give the cluster's flags as the user wrote them, with a space in front, to be put behind a suggested command."""
    given = {"-n": arguments.namespace, "--context": arguments.context, "--kubeconfig": arguments.kubeconfig}
    return "".join(f" {flag} {shlex.quote(value)}" for flag, value in given.items() if value is not None)
