"""Why a pod waits, in words that a person understands; and that a pod which merely starts has no reason."""

import pytest
from tests.unit.pod_states import NOW, RUNNING, SCHEDULED, STARTING, condition, ended, on_node, pending

from autosearch.kubernetes.pod_status import hint_of, run_of

CREATING = {"waiting": {"reason": "ContainerCreating"}}


def wait(pod: dict, hint: str = "") -> tuple[str, str]:
    run = run_of(pod, now=NOW, hint=hint)
    assert run.alive
    assert run.started is None
    return run.reason, run.message


def waiting(reason: str, message: str = "") -> dict:
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def test_no_node_has_room():
    """The scheduler's own words, without what it adds about preemption."""
    message = (
        "0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: 0/3 nodes are available: "
        "3 No preemption victims found for incoming pod."
    )
    pod = pending(condition("PodScheduled", "Unschedulable", message, status="False"))

    assert wait(pod) == ("Unschedulable", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.")


def test_a_claim_is_not_bound():
    """A claim without a volume has a reason of its own."""
    message = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found."
    reason, text = wait(pending(condition("PodScheduled", "Unschedulable", message, status="False")))

    assert reason == "ClaimNotBound"
    assert text.startswith("a PersistentVolumeClaim is not bound to a volume yet")


def test_a_claim_does_not_exist():
    """The name of the claim that is missing is in the message."""
    message = '0/1 nodes are available: persistentvolumeclaim "results" not found.'
    reason, text = wait(pending(condition("PodScheduled", "Unschedulable", message, status="False")))

    assert (reason, '"results"' in text) == ("ClaimNotFound", True)


def test_kueue_has_not_admitted_the_pod():
    """A pod that Kueue gates is queued, and says in which queue."""
    gated = condition("PodScheduled", "SchedulingGated", "Scheduling is blocked due to non-empty", status="False")
    pod = pending(gated, schedulingGates=[{"name": "kueue.x-k8s.io/admission"}])

    assert wait(pod) == ("Queued", "waits for Kueue to admit it")
    pod["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] = "team-a"
    assert wait(pod) == ("Queued", "waits for Kueue to admit it to the queue team-a")


def test_another_gate_is_named():
    """Whose gate holds the pod back is said."""
    reason, text = wait(pending(schedulingGates=[{"name": "example.com/budget"}]))

    assert (reason, "`example.com/budget`" in text) == ("SchedulingGated", True)


def test_an_image_that_cannot_be_pulled_has_one_reason_and_one_message():
    """The kubelet alternates between two words: the condition must not change each time."""
    cause = 'failed to resolve reference "my/sklearn:1": not found'
    trying = on_node(waiting("ErrImagePull", cause), phase="Pending")
    pausing = on_node(waiting("ImagePullBackOff", f'Back-off pulling image "my/sklearn:1": ErrImagePull: {cause}'))

    assert wait(trying) == wait(pausing)
    assert wait(trying) == (
        "ImagePullBackOff",
        f"the image `my/sklearn:1` of container `trial` cannot be pulled: {cause}",
    )


def test_an_older_kubelets_back_off_says_no_cause():
    """Its message repeats the image's name alone."""
    pod = on_node(waiting("ImagePullBackOff", 'Back-off pulling image "my/sklearn:1"'))

    assert wait(pod)[1] == "the image `my/sklearn:1` of container `trial` cannot be pulled"


def test_an_image_that_must_be_there_already():
    """The pull policy Never is named."""
    pod = on_node(waiting("ErrImageNeverPull", 'Container image "x" is not present with pull policy of Never'))

    assert wait(pod)[0] == "ErrImageNeverPull"
    assert "imagePullPolicy is Never" in wait(pod)[1]


def test_an_image_name_that_is_none():
    """The name as it is written is shown."""
    pod = on_node(waiting("InvalidImageName", 'Failed to apply default image tag "My Image"'))

    assert wait(pod)[0] == "InvalidImageName"
    assert "`my/sklearn:1`" in wait(pod)[1]


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ('configmap "settings" not found', "create it in the job's namespace"),
        ('secret "token" not found', "create it in the job's namespace"),
        ("couldn't find key rate in ConfigMap team/settings", "add that key"),
        ("container has runAsNonRoot and image will run as root", ""),
    ],
)
def test_a_container_whose_configuration_is_missing(message, advice):
    """What is missing is named, and what to do about it."""
    reason, text = wait(on_node(waiting("CreateContainerConfigError", message), phase="Pending"))

    assert reason == "CreateContainerConfigError"
    assert text.startswith(f"container `trial` cannot be configured: {message}")
    assert advice in text


def test_a_container_that_cannot_be_made():
    """The runtime's own words are shown with the container's name."""
    pod = on_node(waiting("CreateContainerError", "context deadline exceeded"), phase="Pending")

    assert wait(pod) == ("CreateContainerError", "container `trial`: context deadline exceeded")


def test_a_sidecar_whose_image_cannot_be_pulled():
    """Our own container holds the trial up in the same words as any other."""
    pod = on_node(STARTING, waiting("ErrImagePull", "not found"), "Pending")

    assert wait(pod) == (
        "ImagePullBackOff",
        "the image `autosearch:1` of container `autosearch-sidecar` cannot be pulled: not found",
    )


@pytest.mark.parametrize("word", ["CrashLoopBackOff", "PostStartHookError"])
def test_a_sidecar_that_keeps_failing(word):
    """The end of its log is shown."""
    sidecar = {"state": waiting(word, "back-off 10s"), "lastState": ended(1, message="ImportError: x")}

    assert wait(on_node(STARTING, sidecar, "Pending")) == (
        "SidecarFailing",
        "the sidecar cannot start: ImportError: x",
    )


@pytest.mark.parametrize("state", [CREATING, STARTING, {"waiting": {}}, {}])
def test_a_pod_that_is_merely_being_started_has_no_reason(state):
    """A condition that came and went with every pod would tell nobody anything."""
    assert wait(on_node(state, STARTING, "Pending")) == ("", "")
    assert wait(pending(SCHEDULED)) == ("", "")
    assert wait(pending()) == ("", "")


def test_a_hint_is_used_where_the_pod_says_nothing():
    """What only an event told becomes reason and message, until the pod itself has a reason."""
    hint = "FailedMount: a volume cannot be mounted: exit status 32"

    assert wait(on_node(CREATING, STARTING, "Pending"), hint) == (
        "FailedMount",
        "a volume cannot be mounted: exit status 32",
    )
    assert wait(on_node(waiting("ErrImageNeverPull"), STARTING, "Pending"), hint)[0] == "ErrImageNeverPull"


def test_a_trial_that_started_does_not_wait():
    """No hint changes what a running trial is."""
    assert run_of(on_node(RUNNING), now=NOW, hint="FailedMount: x").reason == ""


def event(reason: str, message: str = "", *, minute: int = 0, kind: str = "Warning") -> dict:
    time = f"2026-01-31T12:{minute:02}:00Z"
    return {"type": kind, "reason": reason, "message": message, "lastTimestamp": time, "count": 3}


TIMED_OUT = "Unable to attach or mount volumes: unmounted volumes=[code]: timed out waiting for the condition"


@pytest.mark.parametrize(
    ("found", "hint"),
    [
        (
            event("FailedMount", 'MountVolume.SetUp failed for volume "autosearch-code" : configmap "code" not found'),
            "ConfigMapNotFound: the ConfigMap `code` does not exist: create it",
        ),
        (
            event("FailedMount", 'MountVolume.SetUp failed for volume "s" : secret "keys" not found'),
            "SecretNotFound: the Secret `keys` does not exist: create it",
        ),
        (
            event("FailedMount", "MountVolume.SetUp failed : configmap references non-existent config key: train.py"),
            "KeyNotFound: a ConfigMap or Secret that is mounted has no key `train.py`: add it, or correct `items`",
        ),
        (
            event("FailedMount", "MountVolume.SetUp failed : mount failed: exit status 32"),
            "FailedMount: a volume cannot be mounted: MountVolume.SetUp failed : mount failed: exit status 32",
        ),
        (
            event("FailedAttachVolume", "AttachVolume.Attach failed : no such disk"),
            "FailedAttachVolume: a volume cannot be attached to the node: AttachVolume.Attach failed : no such disk",
        ),
        (
            event("FailedCreatePodSandBox", "Failed to create pod sandbox: no address"),
            "FailedCreatePodSandBox: the node cannot set the pod up: Failed to create pod sandbox: no address",
        ),
        (event("FailedMount", TIMED_OUT), f"FailedMount: a volume cannot be mounted: {TIMED_OUT}"),
    ],
)
def test_an_event_becomes_a_hint(found, hint):
    """A word for programs and a sentence for people, with the cause where it is known."""
    assert hint_of([found]) == hint


def test_a_volume_that_another_node_holds():
    """The Multi-Attach error is told as what it means."""
    message = (
        'Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node '
        "and can't be attached to another"
    )
    word, _, text = hint_of([event("FailedAttachVolume", message)]).partition(": ")

    assert word == "VolumeInUse"
    assert text.startswith("its volume is held by another node")
    assert message in text


def test_the_cause_goes_before_what_merely_repeats_it():
    """A later "timed out" does not hide what was found out before."""
    cause = event("FailedMount", 'configmap "code" not found', minute=1)

    assert hint_of([event("FailedMount", TIMED_OUT, minute=3), cause]).startswith("ConfigMapNotFound")


def test_a_warning_that_was_overcome_is_no_hint():
    """Once an image is pulled, the volumes are mounted."""
    warning = event("FailedMount", "exit status 32", minute=1)

    assert hint_of([warning, event("Pulling", minute=2, kind="Normal")]) == ""
    assert hint_of([event("Pulling", minute=0, kind="Normal"), warning]) != ""


def test_events_that_the_pods_status_tells_better_are_no_hint():
    """Scheduling and images have conditions and states of their own."""
    assert hint_of([event("FailedScheduling", "0/1 nodes"), event("Failed", "Error: ErrImagePull")]) == ""
    assert hint_of([]) == ""


def test_events_of_the_newer_form_are_read_too():
    """Their time is in `eventTime` or in the series."""
    older = {"type": "Warning", "reason": "FailedMount", "message": "first", "eventTime": "2026-01-31T12:00:00.000001Z"}
    newer = {
        "type": "Warning",
        "reason": "FailedMount",
        "message": "second",
        "eventTime": "2026-01-31T11:00:00.000001Z",
        "series": {"count": 4, "lastObservedTime": "2026-01-31T12:05:00.000001Z"},
    }

    assert hint_of([newer, older]).endswith("second")
