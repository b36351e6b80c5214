"""Progress and results that come over the network: how often they are written, what a restart leaves, who wins."""

import signal
import time

import pytest
from tests.cluster.jobs import Searches, a_job, with_output
from tests.cluster.player import verdict_of
from tests.cluster.pods import condition
from tests.cluster.senders import PLAYED, Sender, in_thread, play
from tests.cluster.training import Training, job_over, parameter, stop_requested

LOWER = {"threshold": {"lower": 0.5}}


@pytest.fixture
def restart(operator):
    """Kill the operator and start it again; it is there afterwards, whatever happened."""

    def again() -> None:
        operator.kill(signal.SIGKILL)
        operator.start()

    yield again
    if not operator.part.running:
        operator.start()


def writes_of(proxy, trial: str) -> int:
    """Count the writes of a trial's status that succeeded."""
    return sum(
        (request.verb, request.resource, request.name) == ("patch", "trials/status", trial) and request.status == 200
        for request in proxy.requests
    )


def test_progress_is_written_at_most_every_five_seconds(cluster, operator, proxy, searches: Searches) -> None:
    """A script that reports all the time costs one write of its trial in five seconds, beside the first."""
    seen = {}

    async def script(player, pod):
        sender = await in_thread(Sender, cluster, operator, pod)
        running = await player.start(pod)
        name = sender.settings.trial_name
        await in_thread(sender.wait_trial, lambda trial: trial.get("status", {}).get("state") == "Running")
        before, began, step = writes_of(proxy, name), time.monotonic(), 0
        while time.monotonic() < began + 7:
            step += 1
            await in_thread(sender.progress, step, 0.5)
            await in_thread(time.sleep, 0.2)
        seen.update(writes=writes_of(proxy, name) - before, seconds=time.monotonic() - began, steps=step)
        await player.end(running, verdict=verdict_of(pod, 0.5))

    name = searches.apply(a_job("rate", PLAYED, maxTrials=1))
    play(cluster, searches.namespace, script, lambda: searches.wait(name))

    (trial,) = searches.trials(name)
    assert 2 <= seen["writes"] <= 2 + seen["seconds"] // 5
    assert [o["step"] for o in trial["status"]["observations"]] == list(range(1, seen["steps"] + 1))


def test_a_rung_is_written_at_once(cluster, operator, proxy, searches: Searches) -> None:
    """Each report that a rule will judge has a write of its own, those between them wait."""
    seen = {}

    async def script(player, pod):
        sender = await in_thread(Sender, cluster, operator, pod)
        running = await player.start(pod)
        name = sender.settings.trial_name
        await in_thread(sender.wait_trial, lambda trial: trial.get("status", {}).get("state") == "Running")
        before, began = writes_of(proxy, name), time.monotonic()
        for step in range(1, 17):
            await in_thread(sender.progress, step, 0.5)
            await in_thread(time.sleep, 0.02)
        await in_thread(sender.wait_trial, lambda trial: trial["status"]["observations"][-1]["step"] == 16)
        seen.update(writes=writes_of(proxy, name) - before, seconds=time.monotonic() - began)
        await player.end(running, verdict=verdict_of(pod, 0.5))

    rule = {"asha": {"minResource": 1, "reductionFactor": 2}}
    name = searches.apply(a_job("rungs", PLAYED, maxTrials=1, earlyStopping=rule))
    play(cluster, searches.namespace, script, lambda: searches.wait(name))

    # Rungs at 1, 2, 4, 8 and 16.
    assert 5 <= seen["writes"] <= 5 + 1 + seen["seconds"] // 5
    assert searches.trials(name)[0]["status"]["state"] == "Succeeded"


@pytest.mark.parametrize("way", ["termination message", "network"])
def test_a_result_after_the_stop_wins(cluster, operator, searches: Searches, way: str) -> None:
    """A script that hears of the stop, saves and reports has succeeded, by whichever way its report comes."""

    async def script(player, pod):
        sender = await in_thread(Sender, cluster, operator, pod)
        running = await player.start(pod)
        await in_thread(sender.progress, 1, 0.1)
        await in_thread(sender.wait_trial, stop_requested)
        assert (await in_thread(sender.progress, 2, 0.1))["stop"]
        if way == "network":
            await in_thread(sender.final, 0.25, time.time())
            await player.end(running, verdict="{}", exit_code=137)
        else:
            await player.end(running, verdict=verdict_of(pod, 0.25))

    name = searches.apply(job_over("wins", LOWER, (0.1,)))
    done = play(cluster, searches.namespace, script, lambda: searches.wait(name))

    (trial,) = searches.trials(name)
    assert (trial["status"]["state"], trial["status"]["value"]) == ("Succeeded", 0.25)
    assert stop_requested(trial) and done["status"]["best"]["value"] == 0.25
    assert [o["step"] for o in trial["status"]["observations"]] == [1, 2]


def test_a_script_that_does_not_listen_is_ended(cluster, operator, searches: Searches) -> None:
    """A hopeless trial that neither ends nor reports is ended ten seconds after it was asked."""

    async def script(player, pod):
        sender = await in_thread(Sender, cluster, operator, pod)
        await player.start(pod)
        await in_thread(sender.progress, 1, 0.1)

    name = searches.apply(job_over("deaf", LOWER, (0.1,)))
    play(cluster, searches.namespace, script, lambda: searches.wait(name))

    (trial,) = searches.trials(name)
    assert trial["status"]["state"] == "EarlyStopped" and trial["status"]["value"] == 0.1
    assert trial["status"]["attempts"][-1]["reason"] == "EarlyStopped"


def test_a_restart_forgets_nothing_that_was_stored(cluster, operator, searches: Searches, restart) -> None:
    """A new operator judges by what the old one has stored, and says stop where the old one had decided it."""
    training = Training(cluster, operator, {0.1})

    async def script(player, pod):
        if parameter(pod) == 0.1:
            await in_thread(restart)
            sender = await in_thread(Sender, cluster, operator, pod)
            running = await player.start(pod)
            assert not (await in_thread(sender.progress, 1, 0.1))["stop"]
            await in_thread(sender.wait_trial, stop_requested)
            await in_thread(restart)
            answer = await in_thread(sender.progress, 2, 0.1)
            training.stops[0.1] = 2 if answer["stop"] else 0
            await player.end(running)
        else:
            await training(player, pod)

    name = searches.apply(job_over("restart", {"median": {"startupTrials": 2}}, (0.9, 0.8, 0.1)))
    done = play(cluster, searches.namespace, script, lambda: searches.wait(name))

    assert done["status"]["state"] == "Complete" and training.stops == {0.1: 2}
    trials = searches.trials(name)
    assert [trial["status"]["state"] for trial in trials] == ["Succeeded", "Succeeded", "EarlyStopped"]
    assert [[o["step"] for o in trial["status"]["observations"]] for trial in trials] == [[1, 2, 3], [1, 2, 3], [1, 2]]


@pytest.mark.parametrize("repeated", [True, False])
def test_a_result_that_is_sent_again_after_a_restart(
    cluster, operator, searches: Searches, restart, repeated: bool
) -> None:
    """A result that only the network tells survives a restart if its sidecar repeats it; else it is tried again."""

    async def script(player, pod):
        sender = await in_thread(Sender, cluster, operator, pod)
        running = await player.start(pod)
        if sender.settings.attempt_id.endswith("-r1"):
            await player.end(running, verdict=verdict_of(pod, 0.75))
            return
        reported = time.time()
        await in_thread(sender.final, 0.25, reported)
        await in_thread(restart)
        if repeated:
            await in_thread(sender.final, 0.25, reported)
        # The node is gone, and with it whatever the sidecar had left behind.
        await in_thread(
            cluster.request,
            "DELETE",
            f"/api/v1/namespaces/{searches.namespace}/pods/{pod['metadata']['name']}",
            {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0},
        )

    name = searches.apply(a_job("again", PLAYED, maxTrials=1))
    play(cluster, searches.namespace, script, lambda: searches.wait(name))

    (trial,) = searches.trials(name)
    attempts = [attempt["reason"] for attempt in trial["status"]["attempts"]]
    assert trial["status"]["state"] == "Succeeded"
    assert trial["status"]["value"] == (0.25 if repeated else 0.75)
    assert len(attempts) == (1 if repeated else 2) and attempts[-1] == "Reported"
    assert trial["status"].get("failedAttempts", 0) == 0
    assert condition(trial, "Complete")["status"] == "True"


def test_a_checkpoint_of_the_last_moment(cluster, operator, searches: Searches) -> None:
    """What a trial saved just before its node evicted it is where its next attempt starts, though no write was due."""
    arguments: list[str] = []

    async def script(player, pod):
        sender = await in_thread(Sender, cluster, operator, pod)
        running = await player.start(pod)
        arguments.append(" ".join(pod["spec"]["containers"][0]["args"]))
        if len(arguments) > 1:
            await player.end(running, verdict=verdict_of(pod, 0.5))
            return
        await in_thread(sender.progress, 1, 0.5)
        await in_thread(sender.wait_trial, lambda trial: trial["status"].get("observations"))
        saved = f"{sender.settings.job_id}/{sender.settings.attempt_id}/last.pkl"
        await in_thread(sender.progress, 2, 0.5, checkpoint_path=saved)
        await player.end(running, exit_code=143, pod_reason="Evicted")

    spec = with_output(retryFrom="LastCheckpoint", retries=0, maxTrials=1)
    name = searches.apply(a_job("evicted", PLAYED, **spec))
    play(cluster, searches.namespace, script, lambda: searches.wait(name))

    (trial,) = searches.trials(name)
    assert trial["status"]["state"] == "Succeeded"
    assert [attempt["reason"] for attempt in trial["status"]["attempts"]] == ["Evicted", "Reported"]
    assert [observation["step"] for observation in trial["status"]["observations"]] == [1, 2]
    assert "0-0/last.pkl" not in arguments[0] and "0-0/last.pkl" in arguments[1]
