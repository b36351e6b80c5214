"""`/healthz`, `/readyz` and `/metrics`: plain HTTP for the kubelet and for Prometheus.

Owns: what the three say. Healthy means that what we write still comes back through the watches and that the event loop
is alive; ready means that the caches are filled.
"""

from collections import Counter

from aiohttp import web

from autosearch.kubernetes.cache import Cache
from autosearch.kubernetes.metrics import Figures, Metrics
from autosearch.kubernetes.sight import STALE, Echoes
from autosearch.kubernetes.work_queue import WorkQueue

_OVER = ("Succeeded", "Failed")


class HealthServer:
    """The server of one operator process.

    Attributes:
        ready: the caches are filled.
    """

    def __init__(self, cache: Cache, queue: WorkQueue, echoes: Echoes, metrics: Metrics) -> None:
        self._cache = cache
        self._queue = queue
        self._echoes = echoes
        self._metrics = metrics
        self._runner: web.AppRunner | None = None
        self.ready = False

    async def start(self, host: str | None, port: int) -> int:
        """Listen; gives the port. Raises `OSError` if the address is in use.

        Args:
            host: None: all addresses, IPv6 ones too, by which the kubelet asks on some clusters.
        """
        app = web.Application()
        app.add_routes(
            [web.get("/healthz", self._healthz), web.get("/readyz", self._readyz), web.get("/metrics", self._show)]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        assert self._runner.addresses, "it listens"
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, _request: web.Request) -> web.Response:
        age = self._echoes.age()
        self._metrics.lag(age)
        if age > STALE:
            return web.Response(status=503, text=f"a write of {age:.0f} s ago was never seen in a watch\n")
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        if not self.ready:
            return web.Response(status=503, text="the caches are not filled yet\n")
        return web.Response(text="ok\n")

    async def _show(self, _request: web.Request) -> web.Response:
        self._metrics.lag(self._echoes.age())
        body = self._metrics.exposition(figures(self._cache, self._queue))
        return web.Response(body=body, content_type="text/plain", charset="utf-8")


def figures(cache: Cache, queue: WorkQueue) -> Figures:
    """Count what the cache holds."""
    jobs: Counter[str] = Counter()
    trials: Counter[str] = Counter()
    slots = 0
    for uid in cache.job_uids():
        body = cache.job(uid) or {}
        state = body.get("status", {}).get("state", "Pending")
        jobs[state] += 1
        slots += _slots(body) if state == "Running" else 0
        trials.update(trial.status.state for trial in cache.trials(uid).values())
    busy = sum(pod.get("status", {}).get("phase") not in _OVER for pod in cache.all_pods())
    return Figures(dict(jobs), dict(trials), busy, slots, len(queue))


def _slots(body: dict[str, object]) -> int:
    spec = body["spec"]
    assert isinstance(spec, dict), "the schema says so"
    populations = [settings.get("population") for settings in (spec.get("algorithm") or {}).values() if settings]
    return int(spec.get("parallelTrials") or next((p for p in populations if p), 1))
