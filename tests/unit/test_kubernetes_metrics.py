"""The operator's metrics: what they count, and that nothing a user names becomes a label."""

import pytest

from autosearch.kubernetes.metrics import Figures, Metrics

NOTHING = Figures({}, {}, 0, 0, 0)


class Clock:
    """A clock that the test moves."""

    now = 0.0

    def __call__(self):
        return self.now


def value(metrics: Metrics, name: str, **labels) -> float | None:
    """Give a sample."""
    return metrics.registry.get_sample_value(name, labels)


def test_objects_are_counted_anew_each_time():
    """A state that no object has any more is not shown with its old number."""
    metrics = Metrics()
    metrics.exposition(Figures({"Running": 2}, {"Running": 3, "Failed": 1}, 3, 4, 5))
    text = metrics.exposition(Figures({"Complete": 2}, {"Succeeded": 4}, 0, 0, 0)).decode()

    assert 'autosearch_jobs{state="Complete"} 2.0' in text
    assert "Running" not in text
    assert value(metrics, "autosearch_trials", state="Succeeded") == 4
    assert value(metrics, "autosearch_queue_depth") == 0


@pytest.mark.parametrize(("busy", "slots", "share"), [(3, 4, 0.75), (0, 0, 1.0), (0, 2, 0.0)])
def test_the_busy_share(busy, slots, share):
    """Busy slots by slots; without any slot nothing is idle."""
    metrics = Metrics()
    metrics.exposition(Figures({}, {}, busy, slots, 0))

    assert value(metrics, "autosearch_slot_busy_share") == share


def test_a_handoff_is_from_a_pods_end_to_the_next_pod():
    """Ends and starts of one job are matched in their order; other jobs' are not."""
    clock = Clock()
    metrics = Metrics(clock)
    metrics.pod_ended("a")
    clock.now = 2.0
    metrics.pod_ended("a")
    metrics.pod_accepted("b")
    clock.now = 3.0
    metrics.pod_accepted("a")
    metrics.pod_accepted("a")
    metrics.pod_accepted("a")

    assert value(metrics, "autosearch_handoff_seconds_count") == 2
    assert value(metrics, "autosearch_handoff_seconds_sum") == 4.0


def test_a_slot_that_waited_for_something_else_is_no_handoff():
    """A slot that stayed free for minutes, as of a suspended job, says nothing about the operator."""
    clock = Clock()
    metrics = Metrics(clock)
    metrics.pod_ended("a")
    clock.now = 61.0
    metrics.pod_accepted("a")
    metrics.pod_ended("a")
    metrics.drop("a")
    metrics.pod_accepted("a")

    assert value(metrics, "autosearch_handoff_seconds_count") == 0


def test_requests_are_counted_by_what_they_are():
    """Verb, resource and code; requests without an answer have code 0."""
    metrics = Metrics()
    metrics.request("create", "pods", 201, 0.01)
    metrics.request("create", "pods", 0, 0.01)

    assert value(metrics, "autosearch_api_requests_total", verb="create", resource="pods", code="201") == 1
    assert value(metrics, "autosearch_api_requests_total", verb="create", resource="pods", code="0") == 1
    assert value(metrics, "autosearch_api_request_seconds_count", verb="create", resource="pods") == 2


def test_everything_else_that_is_told_is_counted():
    """Each of the operator's parts tells its own figure."""
    metrics = Metrics()
    metrics.report("", 400, 0.1)
    metrics.proposed("tpe", 0.1)
    metrics.passed(0.1)
    metrics.pass_failed("Conflict")
    metrics.pass_failed("[denied by owners] trial demo-01234567-0-4 has no owner")
    metrics.trial_finished("Succeeded")
    metrics.lag(4.0)
    metrics.loop_lag(0.5)
    metrics.leading(True)
    metrics.collected(0.1)

    assert value(metrics, "autosearch_reports_total", kind="unread", code="400") == 1
    assert value(metrics, "autosearch_proposal_seconds_count", algorithm="tpe") == 1
    assert value(metrics, "autosearch_pass_seconds_count") == 1
    assert value(metrics, "autosearch_pass_failures_total", reason="Conflict") == 1
    assert value(metrics, "autosearch_pass_failures_total", reason="Other") == 1, "no sentence becomes a label"
    assert value(metrics, "autosearch_trials_finished_total", state="Succeeded") == 1
    assert value(metrics, "autosearch_watch_lag_seconds") == 4.0
    assert value(metrics, "autosearch_loop_lag_seconds") == 0.5
    assert value(metrics, "autosearch_leader") == 1
    assert value(metrics, "autosearch_gc_seconds_count") == 1
    metrics.leading(False)
    assert value(metrics, "autosearch_leader") == 0


def test_no_label_carries_a_users_word():
    """Names of jobs, namespaces and parameters would make as many series as there are users."""
    metrics = Metrics()
    metrics.exposition(NOTHING)
    ours = [family for family in metrics.registry.collect() if family.name.startswith("autosearch_")]
    allowed = {"state", "algorithm", "verb", "resource", "code", "kind", "reason"}

    names = {label for metric in metrics.registry._collector_to_names for label in getattr(metric, "_labelnames", ())}
    assert len(ours) > 10
    assert names <= allowed


def test_two_operators_of_one_process_do_not_share():
    """Each has its own registry, so that tests, and embedders, may make several."""
    first, second = Metrics(), Metrics()
    first.passed(0.1)

    assert value(second, "autosearch_pass_seconds_count") == 0
