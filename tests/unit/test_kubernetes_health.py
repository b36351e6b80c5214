"""`/healthz`, `/readyz` and `/metrics`, and what the figures are made of."""

import asyncio

import aiohttp
from tests.unit.kubernetes_samples import job_body, pod_body, trial_body

from autosearch.kubernetes.cache import Cache
from autosearch.kubernetes.health import HealthServer, figures
from autosearch.kubernetes.metrics import Metrics
from autosearch.kubernetes.resources import JOBS, PODS, TRIALS
from autosearch.kubernetes.sight import STALE, Echoes
from autosearch.kubernetes.work_queue import WorkQueue


class World:
    """A health server and what it tells of."""

    def __init__(self):
        self.now = 0.0
        self.cache, self.echoes, self.metrics = Cache(), Echoes(lambda: self.now), Metrics()
        self.health = HealthServer(self.cache, WorkQueue(), self.echoes, self.metrics)

    def get(self, path):
        """Serve, and read one path."""

        async def run():
            port = await self.health.start("127.0.0.1", 0)
            try:
                async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
                    return answer.status, await answer.text()
            finally:
                await self.health.close()

        return asyncio.run(run())


def fill(cache: Cache, state: str = "Running", **spec) -> None:
    """Put a job with a trial and a pod that runs into a cache."""
    cache.apply(JOBS, job_body(status={"state": state}, **spec))
    cache.apply(TRIALS, trial_body(status={"state": "Running"}))
    cache.apply(PODS, pod_body())


def test_a_process_is_ready_once_its_caches_are_filled():
    """Before that it must get no traffic: it would not know whose a report is."""
    world = World()
    assert world.get("/readyz")[0] == 503
    world.health.ready = True
    assert world.get("/readyz") == (200, "ok\n")


def test_a_process_whose_writes_no_watch_shows_is_not_healthy():
    """A watch that died in silence is found end to end; the kubelet starts the process anew."""
    world = World()
    assert world.get("/healthz") == (200, "ok\n")
    world.echoes.wrote({"metadata": {"uid": "a", "resourceVersion": "1"}})
    world.now = STALE
    assert world.get("/healthz")[0] == 200
    world.now = STALE + 1
    code, text = world.get("/healthz")
    assert (code, text) == (503, "a write of 31 s ago was never seen in a watch\n")
    assert world.metrics.registry.get_sample_value("autosearch_watch_lag_seconds") == STALE + 1


def test_metrics_are_those_of_the_cache():
    """Prometheus gets counts of what is there at that moment."""
    world = World()
    fill(world.cache)
    code, text = world.get("/metrics")

    assert code == 200
    assert 'autosearch_jobs{state="Running"} 1.0' in text
    assert "autosearch_busy_slots 1.0" in text
    assert "autosearch_slot_busy_share 0.5" in text


def test_jobs_without_a_status_are_pending():
    """A job that nobody has looked at yet counts, but has no slots."""
    cache = Cache()
    cache.apply(JOBS, job_body())
    found = figures(cache, WorkQueue())

    assert (found.jobs, found.slots, found.busy) == ({"Pending": 1}, 0, 0)


def test_slots_are_those_of_jobs_that_run():
    """A population's size counts where parallelTrials is not given; ended pods and jobs hold none."""
    cache = Cache()
    fill(cache, parallelTrials=None, algorithm={"pbt": {"population": 7}})
    cache.apply(PODS, pod_body(5, phase="Succeeded"))
    found = figures(cache, WorkQueue())
    assert (found.slots, found.busy, found.trials) == (7, 0, {"Running": 1})

    cache = Cache()
    fill(cache, state="Complete")
    assert figures(cache, WorkQueue()).slots == 0
