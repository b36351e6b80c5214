"""`autosearch operator`: the controller process of a cluster."""

import argparse
import asyncio
import logging
import socket
import sys

from autosearch.kubernetes.operator import Operator, credentials_of
from autosearch.kubernetes.options import Options

_QUIET = ("kopf", "aiohttp.access", "asyncio")


def main(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM; 0 then, 1 if the process cannot go on."""
    import uvloop

    _log_as_json(arguments.log_level)
    options = Options(
        namespaces=tuple(name for name in arguments.namespaces.split(",") if name),
        sidecar_image=arguments.sidecar_image,
        sidecar_pull_policy=arguments.sidecar_pull_policy,
        report_url=arguments.report_url,
        report_port=arguments.report_port,
        tls_directory=arguments.tls_directory,
        health_port=arguments.health_port,
        lease_namespace=arguments.lease_namespace,
        lease_name=arguments.lease_name,
        identity=arguments.identity or socket.gethostname(),
        kubeconfig=arguments.kubeconfig,
    )

    async def run() -> None:
        await Operator(options, credentials_of(options)).run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
    return 0


def _log_as_json(level: str) -> None:
    from pythonjsonlogger.json import JsonFormatter

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(
            "{asctime}{levelname}{name}{message}",
            style="{",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
