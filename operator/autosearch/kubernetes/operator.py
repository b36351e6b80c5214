"""The operator's process: everything put together, and the order in which it starts and ends.

Owns: the tasks and their lives. Any task that ends by itself ends the process: a clean start is cheaper than a clever
repair. On SIGTERM everything is broken off, as after a crash, and the lease is given back.
"""

import asyncio
import gc
import logging
import os
import signal
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic
from typing import Any, cast

import kopf

from autosearch.api.errors import EnvironmentFaultError
from autosearch.kubernetes.cache import Cache
from autosearch.kubernetes.certificates import ServingCertificate
from autosearch.kubernetes.client import Client
from autosearch.kubernetes.controller import Controller
from autosearch.kubernetes.credentials import Credentials, from_kubeconfig, in_cluster
from autosearch.kubernetes.event_source import EventSource
from autosearch.kubernetes.health import HealthServer
from autosearch.kubernetes.hints import Hints
from autosearch.kubernetes.lease import Elector
from autosearch.kubernetes.metrics import Metrics
from autosearch.kubernetes.options import Options
from autosearch.kubernetes.pod import PodSettings
from autosearch.kubernetes.proposers import Proposers
from autosearch.kubernetes.recorder import Recorder
from autosearch.kubernetes.report_server import ReportServer
from autosearch.kubernetes.reports import Reports
from autosearch.kubernetes.sight import Echoes, Sweep
from autosearch.kubernetes.surroundings import Surroundings
from autosearch.kubernetes.token_review import ApiReviewer
from autosearch.kubernetes.view import Heard, utc_now
from autosearch.kubernetes.work_queue import WorkQueue
from autosearch.kubernetes.writes import Writes

_log = logging.getLogger("autosearch.operator")
_LAST_WRITES = 2.0
_COLLECT_EVERY = 0.1
_TERMINATION = "termination"
_CANCELLATIONS = 50


class Operator:
    """One operator process."""

    def __init__(self, options: Options, credentials: Credentials) -> None:
        self._options = options
        self._credentials = credentials
        self._cache = Cache()
        self._heard = Heard()
        self._queue = WorkQueue()
        self._echoes = Echoes()
        self._metrics = Metrics()
        self._synced = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Run until SIGTERM.

        Raises:
            EnvironmentFaultError: if the process cannot go on: it lost the lease, or one of its parts ended.
        """
        others = asyncio.all_tasks()
        try:
            async with AsyncExitStack() as stack:
                await self._run(stack)
        finally:
            await _cancel_but(others)

    async def _run(self, stack: AsyncExitStack) -> None:
        await self._prepare(stack)
        stopping, ready = asyncio.Event(), asyncio.Event()
        source = EventSource(self._cache, self._queue.add, self._echoes.seen, self._metrics.pod_ended)
        watching = asyncio.create_task(
            kopf.operator(
                registry=source.registry(self._credentials),
                standalone=True,
                # Its own guess needs a user with a name, and the image's is a bare number.
                identity=cast("Any", self._options.identity),
                clusterwide=not self._options.namespaces,
                namespaces=self._options.namespaces,
                stop_flag=stopping,
                ready_flag=ready,
            ),
            name="watching",
        )
        self._start(_until(source.over), "watches")
        self._start(_termination(ready), _TERMINATION)
        try:
            await self._until_over(watching)
        finally:
            await self._end(watching, stopping)

    async def _prepare(self, stack: AsyncExitStack) -> None:
        options = self._options
        unfenced = await stack.enter_async_context(Client(self._credentials, observe=self._metrics.request))
        namespace = options.lease_namespace or self._credentials.namespace
        self._elector = Elector(unfenced, namespace, options.lease_name, options.identity)
        client = await stack.enter_async_context(
            Client(self._credentials, before_write=self._elector.check, observe=self._metrics.request)
        )
        self._reports = Reports(self._cache, self._heard, self._job, self._queue.add_after, monotonic)
        self._certificate = await self._serve_reports(stack, unfenced)
        around = self._surroundings(stack, client)
        self._controller = Controller(around, self._queue)
        await self._serve_health(stack)
        self._start_all(around, unfenced)

    def _surroundings(self, stack: AsyncExitStack, client: Client) -> Surroundings:
        log = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="autosearch-"))) / "proposers.log"
        proposers = Proposers(self._options.proposers, log, self._answered)
        stack.callback(proposers.close)
        return Surroundings(
            client=client,
            cache=self._cache,
            heard=self._heard,
            reports=self._reports,
            writes=Writes(client, self._cache, self._echoes),
            proposers=proposers,
            recorder=Recorder(client, self._options.identity),
            metrics=self._metrics,
            pod_settings=self._pod_settings,
            now=utc_now,
            clock=monotonic,
        )

    def _start_all(self, around: Surroundings, unfenced: Client) -> None:
        """Start all tasks, before kopf starts: at its end it cancels whatever was started later."""
        sweep = Sweep(unfenced, self._cache, self._echoes, self._options.namespaces, self._queue.add)
        hints = Hints(unfenced, self._cache, self._heard, self._queue.add, utc_now)
        self._start(self._lead(), "lease")
        self._start(self._take_over(), "leadership")
        self._start(self._sync(sweep), "sync")
        self._start(self._after_sync(sweep.run()), "sweep")
        self._start(_collect_garbage(self._metrics, self._synced), "garbage")
        for number in range(self._options.workers):
            self._start(self._when_leading(self._controller.work()), f"worker {number}")
        for name, work in (("events", around.recorder.run()), ("hints", hints.run())):
            self._start(self._when_leading(work), name)
        if self._certificate is not None:
            self._start(self._certificate.keep_fresh(), "certificate")

    async def _serve_reports(self, stack: AsyncExitStack, client: Client) -> ServingCertificate | None:
        """Serve reports, if there is a certificate.

        Token reviews are no writes, and need no lease.
        """
        if self._options.tls_directory is None:
            return None
        certificate = ServingCertificate(self._options.tls_directory)
        server = ReportServer(
            ApiReviewer(client),
            self._reports,
            self._reports,
            ready=self._takes_reports,
            observe=self._metrics.report,
        )
        await server.start(None, self._options.report_port, certificate.context)
        stack.push_async_callback(server.close)
        _log.info("reports are taken on port %d", server.port)
        return certificate

    def _takes_reports(self) -> bool:
        """A standby writes nothing of what is reported: a sidecar that is sent away tries the leader."""
        return self._synced.is_set() and not self._elector.standing_by

    async def _serve_health(self, stack: AsyncExitStack) -> None:
        self._health = HealthServer(self._cache, self._queue, self._echoes, self._metrics)
        port = await self._health.start(None, self._options.health_port)
        stack.push_async_callback(self._health.close)
        _log.info("health and metrics are served on port %d", port)

    async def _until_over(self, watching: "asyncio.Task[None]") -> None:
        done, _ = await asyncio.wait({watching, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        if any(task.get_name() == _TERMINATION for task in done):
            return
        over = watching if watching in done else next(iter(done))
        error = None if over.cancelled() else over.exception()
        if over is not watching or error is not None:
            raise EnvironmentFaultError(f"{over.get_name()} ended: {error!r}") from error

    async def _end(self, watching: "asyncio.Task[None]", stopping: asyncio.Event) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks, timeout=_LAST_WRITES)
        await self._elector.release()
        stopping.set()
        await asyncio.wait({watching}, timeout=_LAST_WRITES)
        _log.info("the operator has ended")

    async def _lead(self) -> None:
        await self._synced.wait()
        await self._elector.lead()
        self._metrics.leading(False)

    async def _take_over(self) -> None:
        await self._elector.leading.wait()
        self._metrics.leading(True)
        _log.info("this replica leads")
        for uid in self._cache.job_uids():
            self._queue.add(uid)
        await asyncio.Event().wait()

    async def _sync(self, sweep: Sweep) -> None:
        await sweep.wait_until_synced()
        self._synced.set()
        self._health.ready = True
        _log.info("the caches are filled: %s", self._cache.counts())
        await asyncio.Event().wait()

    async def _after_sync(self, work: Coroutine[Any, Any, None]) -> None:
        await self._synced.wait()
        await work

    async def _when_leading(self, work: Coroutine[Any, Any, None]) -> None:
        await self._elector.leading.wait()
        await work

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    def _job(self, uid: str) -> Any:
        return self._controller.job(uid)

    def _answered(self, *told: Any) -> None:
        self._controller.answered(*told)

    def _pod_settings(self) -> PodSettings:
        options, certificate = self._options, self._certificate
        return PodSettings(
            image=options.sidecar_image,
            pull_policy=options.sidecar_pull_policy,
            report_url=options.report_url if certificate is not None else "",
            ca_certificate=certificate.ca_certificate if certificate is not None else "",
        )


async def _until(event: asyncio.Event) -> None:
    await event.wait()


async def _cancel_but(others: set[asyncio.Task[Any]]) -> None:
    """End the tasks that kopf has left behind: some outlive a first cancellation, and would keep the process alive."""
    kept = others | {asyncio.current_task()}
    for _ in range(_CANCELLATIONS):
        left = asyncio.all_tasks() - kept
        if not left:
            return
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=_COLLECT_EVERY)


async def _termination(ready: asyncio.Event) -> None:
    """Wait for SIGTERM or SIGINT; once kopf is ready its own handlers, which stop the watches first, are replaced."""
    await ready.wait()
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    await asked.wait()


async def _collect_garbage(metrics: Metrics, synced: asyncio.Event) -> None:
    """Collect at moments of our own: a full collection in the middle of an event is the longest delay there is."""
    gc.disable()
    await synced.wait()
    gc.collect()
    gc.freeze()
    while True:
        due = monotonic() + _COLLECT_EVERY
        await asyncio.sleep(_COLLECT_EVERY)
        metrics.loop_lag(max(0.0, monotonic() - due))
        began = monotonic()
        gc.collect(1)
        metrics.collected(monotonic() - began)


def credentials_of(options: Options) -> Credentials:
    """Give the pod's own credentials, or those of a kubeconfig; raises `EnvironmentFaultError`."""
    if options.kubeconfig is None:
        found = in_cluster(dict(os.environ))
        if found is not None:
            return found
    return from_kubeconfig(options.kubeconfig)
