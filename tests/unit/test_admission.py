"""What it means that the API server does not take a pod: which answers end a search, and which are waited out."""

import pytest

from autosearch.engine.work import ENDINGS
from autosearch.kubernetes.admission import Refused, refused, without_dry_run
from autosearch.kubernetes.client import ApiError

POLICY = "pods \"a\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p' denied request: no"
HOOK = 'admission webhook "w.example.com" denied the request: no'
DOWN = 'Internal error occurred: failed calling webhook "w.example.com": dial tcp: connection refused'
CASES = {
    "quota": (403, 'pods "a" is forbidden: exceeded quota: pods', "QuotaExceeded", False),
    "rights": (403, 'pods is forbidden: User "x" cannot create resource "pods"', "NotAllowed", False),
    "webhook": (403, HOOK, "AdmissionRefused", True),
    "policy": (422, POLICY, "AdmissionRefused", True),
    "policy that says forbidden": (403, POLICY, "AdmissionRefused", True),
    "Pod Security": (403, 'pods "a" is forbidden: violates PodSecurity "restricted:latest"', "PodRefused", True),
    "invalid": (422, 'Pod "a" is invalid: spec.containers[0].image: Required value', "PodRefused", True),
    "unreadable": (400, "Pod in version v1 cannot be handled as a Pod", "PodRefused", True),
    "service account": (403, 'error looking up service account x/y: serviceaccount "y" not found', "PodRefused", False),
    "priority class": (403, 'pods "a" is forbidden: no PriorityClass with name p was found', "PodRefused", False),
    "webhook that is down": (500, DOWN, "AdmissionFailed", False),
}


def error(status: int, message: str) -> ApiError:
    """Give an answer of the API server."""
    return ApiError(status, "", message)


@pytest.mark.parametrize("case", CASES)
def test_the_first_pod_proves_the_template(case: str) -> None:
    """What speaks of the template is final for the first pod, and for no later one; all have the server's words."""
    status, message, reason, final = CASES[case]

    assert refused(error(status, message), first=True) == Refused(reason, message, final=final)
    assert refused(error(status, message), first=False) == Refused(reason, message, final=False)
    assert reason not in ENDINGS


@pytest.mark.parametrize(("status", "message"), [(500, "etcd leader changed"), (503, "not ready"), (429, "too many")])
def test_faults_say_nothing_about_pods(status: int, message: str) -> None:
    """A fault of the API server passes by itself: it is no refusal."""
    assert refused(error(status, message), first=True) is None


@pytest.mark.parametrize(
    ("message", "expected"), [("does not support dry run", True), ("no dryRun", True), ("no", False)]
)
def test_a_webhook_without_dry_run(message: str, expected: bool) -> None:
    """Only who says that it cannot do a dry run is let off the proof."""
    assert without_dry_run(error(400, message)) is expected
