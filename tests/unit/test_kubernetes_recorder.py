"""Events: which changes people are told of, and that telling them is never in the way."""

import asyncio
import logging

import pytest
from tests.unit.kubernetes_samples import JOB_UID, NOW, job_body

from autosearch.api.job import AutoSearchJob, JobStatus, TrialCounts
from autosearch.api.meta import with_condition
from autosearch.kubernetes.client import ApiError
from autosearch.kubernetes.lease import NotLeadingError
from autosearch.kubernetes.recorder import Recorder, news

JOB = AutoSearchJob.from_dict(job_body())


def status(*conditions: tuple[str, str, str, str], failed: int = 0) -> JobStatus:
    """Give a status with conditions: type, status, reason, message."""
    held = []
    for kind, value, reason, message in conditions:
        held = with_condition(held, kind, value, reason, message, now=NOW, generation=1)
    return JobStatus(conditions=list(held), trials=TrialCounts(failed=failed))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (status(), status(("Started", "True", "TrialsCreated", "it began")), [("Normal", "TrialsCreated", "it began")]),
        (status(), status(("Complete", "True", "Done", "all done")), [("Normal", "Done", "all done")]),
        (status(), status(("Failed", "True", "InvalidTemplate", "no")), [("Warning", "InvalidTemplate", "no")]),
        (status(), status(("Suspended", "True", "Suspended", "by user")), [("Normal", "Suspended", "by user")]),
        (
            status(("Suspended", "True", "Suspended", "")),
            status(("Suspended", "False", "Resumed", "")),
            [("Normal", "Resumed", "the search goes on")],
        ),
        (status(), status(("Suspended", "False", "NotSuspended", "")), []),
        (status(), status(("Progressing", "True", "TrialsRunning", "")), []),
        (
            status(("Started", "True", "TrialsCreated", "it began")),
            status(("Started", "True", "TrialsCreated", "other words")),
            [],
        ),
    ],
)
def test_a_few_changes_of_conditions_are_told(old, new, told):
    """Start, suspension, resumption and the end are told once each; nothing is told of each step."""
    assert list(news(old, new)) == told


def test_trials_that_fail_for_good_are_told():
    """A warning says how many have failed, when one more has."""
    ((kind, reason, message),) = news(status(failed=1), status(failed=3))

    assert (kind, reason) == ("Warning", "TrialFailed")
    assert message.startswith("3 trials")
    assert list(news(status(failed=3), status(failed=3))) == []


class Client:
    """Takes events, or fails."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.events = []

    async def create(self, resource, body, namespace):
        assert resource.plural == "events"
        if self.errors:
            raise self.errors.pop(0)
        self.events.append((namespace, body))


async def posted(recorder: Recorder) -> None:
    """Let the recorder post what waits."""
    task = asyncio.create_task(recorder.run())
    await asyncio.sleep(0.01)
    assert not task.done()
    task.cancel()


def test_an_event_is_about_the_job():
    """`kubectl describe` finds it by the job's uid."""
    client = Client()

    async def run():
        recorder = Recorder(client, "me")
        recorder.tell(JOB, "Normal", "Started", "x" * 5000)
        await posted(recorder)

    asyncio.run(run())
    ((namespace, event),) = client.events
    assert namespace == event["metadata"]["namespace"] == "team"
    assert event["involvedObject"]["uid"] == JOB_UID
    assert (event["type"], event["reason"], len(event["message"])) == ("Normal", "Started", 1000)


def test_an_event_that_cannot_be_posted_is_lost_without_harm(caplog):
    """A refused event, or one of a replica that leads no longer, is logged, and the next one is posted."""
    client = Client(ApiError(403, "Forbidden", "no"), NotLeadingError("not leading"))
    caplog.set_level(logging.INFO)

    async def run():
        recorder = Recorder(client, "me")
        for reason in ("One", "Two", "Three"):
            recorder.tell(JOB, "Normal", reason, "")
        await posted(recorder)

    asyncio.run(run())
    assert [event["reason"] for _, event in client.events] == ["Three"]
    assert caplog.text.count("an event was not posted") == 2


def test_too_many_events_are_dropped_and_nobody_waits(caplog):
    """A pass never waits for events: what is too much is dropped, and logged."""

    async def run():
        recorder = Recorder(Client(), "me")
        for _ in range(201):
            recorder.tell(JOB, "Normal", "Started", "")

    asyncio.run(run())
    assert caplog.text.count("an event was dropped") == 1
