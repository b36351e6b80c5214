"""What the engine is told of a pod: whether it is alive, how it ended, and whose doing that was."""

import pytest
from tests.unit.pod_samples import OUTPUT, SETTINGS, job
from tests.unit.pod_states import (
    ACCEPTED,
    NOW,
    RUNNING,
    SCHEDULED,
    STARTING,
    at,
    condition,
    deleted,
    ended,
    on_node,
    pending,
)

from autosearch.engine.snapshot import Report, Run
from autosearch.kubernetes.pod import cleaner_pod
from autosearch.kubernetes.pod_status import cleaner_of, lost_at, run_of
from autosearch.sidecar.settings import Verdict

TAINTED = condition("DisruptionTarget", "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint")


def run(pod: dict, now=NOW) -> Run:
    return run_of(pod, now=now)


def test_a_running_trial_is_alive_since_its_process_started():
    """`started` is the trial container's, `held_from` the pod's, and the labels say whose it is."""
    found = run(on_node(RUNNING))

    assert (found.alive, found.started, found.held_from) == (True, at(0, 5), at(0, 1))
    assert (found.trial_name, found.attempt_id, found.uid, found.gpus) == ("demo-01234567-0-4", "0-4", "77", 1)
    assert (found.ended, found.exit_code, found.reason, found.stopping) == (None, None, "", False)


def test_an_accepted_report_is_read_from_the_sidecars_termination_message():
    """A trial whose report was accepted has succeeded, whatever its exit code."""
    found = run(on_node(ended(139), ended(message=ACCEPTED, finished="12:20:01"), "Failed"))

    assert found.report == Report(0.93, {"acc": 0.93}, "demo-01234567/0-4", "demo-01234567/0-4/model.pkl")
    assert (found.alive, found.exit_code, found.disrupted) == (False, 139, False)
    assert found.reported is not None
    assert found.reported.timestamp() == 1769860800.5


def test_a_report_survives_a_restart_of_the_sidecar():
    """The message of the sidecar's last state counts where its present one says nothing, or something else."""
    restarted = {"state": RUNNING, "lastState": ended(1, message=ACCEPTED)}
    other = {"state": ended(message=Verdict(refusal="late").to_json()), "lastState": ended(message=ACCEPTED)}

    assert run(on_node(RUNNING, restarted)).report is not None
    assert run(on_node(RUNNING, restarted)).alive
    assert run(on_node(ended(), other, "Succeeded")).report is not None


@pytest.mark.parametrize("message", ["", "Traceback ...", '{"report": {"value": "x"}}', '{"report": 5}', "[1]"])
def test_what_is_no_report_counts_as_none(message):
    """A sidecar that crashed, or a message that is damaged, is no result."""
    found = run(on_node(ended(), ended(message=message), "Succeeded"))

    assert (found.alive, found.report) == (False, None)


def test_a_refusal_reaches_the_engine():
    """Why the last report was refused, and that it held NaN, is on the run."""
    found = run(
        on_node(ended(1), ended(message=Verdict(refusal="value: found nan", diverged=True).to_json()), "Failed")
    )

    assert (found.report, found.refusal, found.diverged) == (None, "value: found nan", True)


def test_a_failed_trial_shows_the_end_of_its_log():
    """The termination message of the trial's container is the message."""
    found = run(on_node(ended(1, message="ValueError: no data"), ended(finished="12:20:02"), "Failed"))

    assert (found.alive, found.exit_code, found.reason) == (False, 1, "")
    assert (found.message, found.disrupted, found.doomed) == ("ValueError: no data", False, False)


def test_the_gpu_is_held_until_the_last_container_ended():
    """Billed is the pod's time on the node; the trial itself ended a little earlier."""
    found = run(on_node(ended(1), ended(finished="12:20:02"), "Failed"))

    assert (found.ended, found.held_from, found.held_until) == (at(20), at(0, 1), at(20, 2))


def test_a_pod_whose_trial_has_ended_is_alive_until_its_sidecar_has():
    """Until then the node keeps the GPU for it."""
    found = run(on_node(ended(0), RUNNING))

    assert (found.alive, found.exit_code) == (True, 0)


def test_out_of_memory_is_read_from_the_reason():
    """OOMKilled counts with any exit code, as a child of the script may have been the one."""
    found = run(on_node(ended(1, "OOMKilled"), ended(), "Failed"))

    assert (found.reason, found.exit_code, found.disrupted) == ("OOMKilled", 1, False)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('exec: "pyton": executable file not found in $PATH: unknown', 127),
        ('exec: "/app/run.sh": stat /app/run.sh: no such file or directory', 127),
        ('exec: "/app/run.sh": permission denied: unknown', 126),
        ("error mounting: invalid argument", 128),
    ],
)
def test_a_program_that_cannot_be_started_has_a_shells_exit_code(message, code):
    """The runtime says 128 for all; no retry helps with what a shell calls 127 and 126."""
    state = ended(128, "StartError", f"failed to create containerd task: {message}")
    state["terminated"]["startedAt"] = "1970-01-01T00:00:00Z"

    found = run(on_node(state, ended(), "Failed"))

    assert (found.exit_code, found.started, found.reason) == (code, None, "StartError")


@pytest.mark.parametrize(
    "reason", ["PreemptionByScheduler", "EvictionByEvictionAPI", "DeletionByPodGC", "TerminationByKubelet"]
)
def test_a_disruption_is_not_the_trials_fault(reason):
    """Preemption, drain and eviction are told by the condition DisruptionTarget, not by the exit code."""
    pod = on_node(ended(143), ended(), "Failed", conditions=[condition("DisruptionTarget", reason, "made room")])

    assert (run(pod).disrupted, run(pod).reason, run(pod).message) == (True, reason, "made room")


def test_kueues_preemption_is_a_disruption():
    """Kueue marks a pod with TerminationTarget before it deletes it."""
    mark = condition("TerminationTarget", "WorkloadEvictedDueToPreempted", "Preempted to accommodate a workload")
    pod = deleted(on_node(ended(143), ended(), "Failed", conditions=[mark]))

    assert (run(pod).disrupted, run(pod).reason) == (True, "WorkloadEvictedDueToPreempted")


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("Evicted", "Evicted"),
        ("NodeShutdown", "NodeShutdown"),
        ("Terminated", "Terminated"),
        ("UnexpectedAdmissionError", "UnexpectedAdmissionError"),
        ("OutOfnvidia.com/gpu", "OutOfnvidia_com_gpu"),
    ],
)
def test_a_pod_that_the_kubelet_ended_or_refused_is_disrupted(reason, word):
    """The kubelet's word is the reason, in a form that a condition takes, and such a pod held no GPU."""
    pod = on_node(STARTING, STARTING, "Failed", reason=reason, message="The node was low on resource: memory.")
    pod["status"]["containerStatuses"] = pod["status"]["initContainerStatuses"] = []
    found = run(pod)

    assert (found.alive, found.disrupted, found.reason) == (False, True, word)
    assert found.message == "The node was low on resource: memory."
    assert found.held_until == found.held_from


@pytest.mark.parametrize(
    "message",
    [
        "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ",
        'Usage of EmptyDir volume "scratch" exceeds the limit "1Gi". ',
        'Container trial exceeded its local ephemeral storage limit "1Gi". ',
    ],
)
def test_an_eviction_for_the_trials_own_limit_is_its_own_fault(message):
    """It would be evicted for that again and again."""
    found = run(on_node(ended(137), ended(), "Failed", reason="Evicted", message=message))

    assert (found.disrupted, found.reason) == (False, "Evicted")


def test_the_templates_own_deadline_is_no_disruption():
    """`activeDeadlineSeconds` of the pod is the user's word."""
    pod = on_node(ended(137), ended(), "Failed", reason="DeadlineExceeded", message="Pod was active on the node")

    assert (run(pod).disrupted, run(pod).reason) == (False, "DeadlineExceeded")


@pytest.mark.parametrize(("reason", "code"), [("ContainerStatusUnknown", 137), ("Unknown", 255)])
def test_a_container_that_the_node_lost_sight_of_is_disrupted(reason, code):
    """A node that was restarted tells no true exit code."""
    found = run(on_node(ended(code, reason), ended(code, reason), "Failed"))

    assert (found.disrupted, found.reason) == (True, "NodeLost")


def test_a_terminating_pod_is_alive_until_its_containers_have_ended():
    """It may still use its GPU, however long it takes."""
    pod = deleted(on_node(RUNNING))

    assert (run(pod).alive, run(pod).stopping, run(pod).reason) == (True, True, "")


def test_a_terminating_pod_whose_containers_have_all_ended_has_ended():
    """Its object may stay for a finalizer; the GPU is free, and a report that was accepted counts."""
    gone = deleted(on_node(ended(143), ended(message=ACCEPTED)))

    assert (run(gone).alive, run(gone).stopping) == (False, True)
    assert run(gone).report is not None


def test_a_pod_deleted_by_hand_is_disrupted():
    """The trial did not fail; somebody took its pod away."""
    found = run(deleted(on_node(ended(143), ended())))

    assert (found.alive, found.disrupted, found.reason) == (False, True, "PodDeleted")


def test_a_deletion_after_the_trials_own_end_does_not_excuse_it():
    """A trial that failed long before its pod was deleted has failed."""
    found = run(deleted(on_node(ended(1, finished="12:10:00"), ended(), "Failed")))

    assert (found.disrupted, found.exit_code) == (False, 1)


def test_a_disruption_after_the_trials_own_end_does_not_excuse_it():
    """A finished pod may be collected by PodGC, which marks it as disrupted."""
    mark = condition("DisruptionTarget", "DeletionByPodGC", since="12:25:00")

    assert not run(on_node(ended(1), ended(), "Failed", conditions=[mark])).disrupted


def test_a_deleted_pod_without_a_node_has_ended():
    """A finalizer keeps its object; no kubelet will ever start it."""
    found = run(deleted(pending(schedulingGates=[{"name": "kueue.x-k8s.io/admission"}])))

    assert (found.alive, found.disrupted, found.held_until) == (False, True, None)


def test_a_pod_on_a_dead_node_is_lost_once_its_grace_is_over():
    """The taint manager deleted it, its time is over and nobody says that it ended: the trial goes on elsewhere."""
    pod = deleted(on_node(RUNNING, conditions=[SCHEDULED, TAINTED]), "12:20:20")

    assert run(pod, at(20, 20)).alive
    found = run(pod, at(20, 21))
    assert (found.alive, found.disrupted, found.reason) == (False, True, "DeletionByTaintManager")
    assert found.held_until == at(20, 20) == lost_at(pod)


def test_a_lost_pods_result_is_ignored():
    """Its successor runs: a report that the sidecar once had does not make it a success."""
    sidecar = {"state": RUNNING, "lastState": ended(1, message=ACCEPTED)}
    pod = deleted(on_node(RUNNING, sidecar, conditions=[TAINTED]))

    assert run(pod).report is None
    assert run(pod).disrupted


def test_a_lost_pod_whose_trial_had_ended_is_lost_all_the_same():
    """Its sidecar never told what came of the trial, so nobody knows that it failed."""
    mark = condition("DisruptionTarget", "DeletionByTaintManager", since="12:20:00")
    found = run(deleted(on_node(ended(1, finished="12:10:00"), RUNNING, conditions=[mark])))

    assert (found.alive, found.disrupted, found.reason) == (False, True, "NodeLost")


def test_other_terminating_pods_are_never_lost():
    """Without the taint manager's word nobody knows that the node is dead."""
    drained = condition("DisruptionTarget", "EvictionByEvictionAPI")

    assert run(deleted(on_node(RUNNING, conditions=[drained]))).alive
    assert lost_at(deleted(on_node(RUNNING, conditions=[drained]))) is None
    assert lost_at(on_node(RUNNING, conditions=[TAINTED])) is None
    assert lost_at(deleted(on_node(ended(), ended(), conditions=[TAINTED]))) is None


@pytest.mark.parametrize("fault", ["DirectoryExists", "CopyFailed", "SdkMissing"])
def test_a_pod_whose_sidecar_found_a_fault_can_never_start(fault):
    """The run is doomed, with the sidecar's own word and message, also while the kubelet starts it again."""
    message = Verdict(fault=fault, message="for this reason").to_json()
    again = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended(1, message=message)}

    for sidecar in (ended(1, message=message), again):
        found = run(on_node(STARTING, sidecar, "Pending"))
        assert (found.alive, found.doomed, found.reason) == (True, True, fault)
        assert found.message == "for this reason"


def test_a_doomed_run_stays_doomed_while_it_is_deleted():
    """That we deleted its pod makes it no disruption, which would be repeated for ever."""
    sidecar = ended(1, message=Verdict(fault="CopyFailed", message="disk full").to_json())

    found = run(deleted(on_node(STARTING, sidecar, "Failed")))

    assert (found.alive, found.doomed, found.disrupted, found.reason) == (False, True, False, "CopyFailed")


def test_a_fault_after_the_start_dooms_nothing():
    """A trial that runs goes on, whatever happens to its sidecar."""
    sidecar = {"state": RUNNING, "lastState": ended(1, message=Verdict(fault="SdkMissing").to_json())}

    assert not run(on_node(RUNNING, sidecar)).doomed


def with_copier(state: dict) -> dict:
    pod = on_node(STARTING, STARTING, "Failed")
    copier = {"name": "autosearch-copy-train-data", "image": "autosearch:1", "state": state, "lastState": {}}
    pod["status"]["initContainerStatuses"].insert(0, copier)
    return pod


def test_a_private_copy_that_fails_dooms_the_run():
    """The trial never started; the copier's own words say why."""
    verdict = Verdict(fault="CopyFailed", message="data: no space left on device").to_json()

    found = run(with_copier(ended(1, message=verdict)))

    assert (found.alive, found.doomed, found.reason) == (False, True, "CopyFailed")
    assert found.message == "data: no space left on device"


def test_an_init_container_of_the_template_that_fails_dooms_the_run():
    """The condition names the container, its exit code and the end of its log."""
    found = run(with_copier(ended(2, message="wget: 404")))

    assert (found.doomed, found.reason, found.exit_code) == (True, "InitContainerFailed", None)
    assert found.message == "init container `autosearch-copy-train-data` failed with exit code 2: wget: 404"


def test_the_trials_container_is_found_wherever_it_stands():
    """A container that was injected before it is not taken for it."""
    pod = on_node(RUNNING)
    pod["status"]["containerStatuses"].insert(0, {"name": "proxy", "state": ended(3)})
    pod["spec"]["containers"].insert(0, {"name": "proxy"})

    assert run(pod).exit_code is None
    assert run(pod).started == at(0, 5)


def test_a_pod_without_a_status_is_alive_and_says_nothing():
    """The cache may hold a pod of which nothing is known yet."""
    pod = pending()
    del pod["status"]

    assert (run(pod).alive, run(pod).started, run(pod).reason) == (True, None, "")


def a_cleaner(**status) -> dict:
    directories = ["demo-01234567/0-1", "demo-01234567/0-2"]
    return cleaner_pod(job(output=OUTPUT), "demo-01234567-cleaner-1", directories, SETTINGS) | {"status": status}


def test_a_cleaner_is_read_back_as_it_was_asked_for():
    """Its name, directories and outcome are what the engine needs to go on."""
    working = cleaner_of(a_cleaner(phase="Running"))
    done = cleaner_of(a_cleaner(phase="Succeeded", containerStatuses=[{"name": "cleaner", "state": ended()}]))
    broken = {"name": "cleaner", "state": ended(1, message="0-1 is not gone: Permission denied")}
    failed = cleaner_of(a_cleaner(phase="Failed", containerStatuses=[broken]))

    assert (working.name, working.directories) == (
        "demo-01234567-cleaner-1",
        ("demo-01234567/0-1", "demo-01234567/0-2"),
    )
    assert (working.alive, working.succeeded, working.ended) == (True, False, None)
    assert (done.alive, done.succeeded, done.ended, done.message) == (False, True, at(20), "")
    assert (failed.succeeded, failed.message) == (False, "0-1 is not gone: Permission denied")


def test_a_cleaners_edited_annotation_is_no_directory():
    """What somebody wrote there by hand is not believed, and breaks nothing."""
    pod = a_cleaner(phase="Running")
    pod["metadata"]["annotations"] = {"autosearch.dev/directories": "{"}

    assert cleaner_of(pod).directories == ()


def test_an_evictions_reason_is_the_kubelets_word():
    """`Evicted` and what the node was low on say more than the condition that goes with it."""
    mark = condition("DisruptionTarget", "TerminationByKubelet", "The node was low on resource: memory.")
    pod = on_node(ended(137), ended(), "Failed", reason="Evicted", message="memory is low", conditions=[mark])

    assert (run(pod).disrupted, run(pod).reason, run(pod).message) == (True, "Evicted", "memory is low")
