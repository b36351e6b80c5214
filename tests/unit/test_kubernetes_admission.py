"""What it means that the API server does not take a pod."""

import pytest

from autosearch.kubernetes.admission import Refused, refused, without_dry_run
from autosearch.kubernetes.client import ApiError

TERMINATING = {"causes": [{"reason": "NamespaceTerminating", "message": "namespace x is being terminated"}]}
QUOTA = 'pods "a" is forbidden: exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5'
RIGHTS = 'pods is forbidden: User "u" cannot create resource "pods" in API group "" in the namespace "n"'
WEBHOOK = 'admission webhook "policy.example" denied the request: no latest tags'
PSA = 'pods "a" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false'
ACCOUNT = 'pods "a" is forbidden: error looking up service account n/missing: serviceaccount "missing" not found'
PRIORITY = 'pods "a" is forbidden: no PriorityClass with name high was found'
POLICY = "ValidatingAdmissionPolicy 'limits' with binding 'all' denied request: no limits"
DOWN = 'failed calling webhook "policy.example": connection refused'


@pytest.mark.parametrize(
    ("error", "reason", "final"),
    [
        (ApiError(422, "Invalid", "spec.containers: Required value"), "PodRefused", True),
        (ApiError(400, "BadRequest", "strict decoding error"), "PodRefused", True),
        (ApiError(403, "Forbidden", QUOTA), "QuotaExceeded", False),
        (ApiError(403, "Forbidden", RIGHTS), "NotAllowed", False),
        (ApiError(403, "Forbidden", WEBHOOK), "AdmissionRefused", True),
        (ApiError(403, "Forbidden", PSA), "PodRefused", True),
        (ApiError(403, "Forbidden", ACCOUNT), "PodRefused", False),
        (ApiError(403, "Forbidden", PRIORITY), "PodRefused", False),
        (ApiError(404, "NotFound", "no such thing"), "PodRefused", False),
        (ApiError(422, "Invalid", POLICY), "AdmissionRefused", True),
        (ApiError(500, "InternalError", DOWN), "AdmissionFailed", False),
        (ApiError(403, "Forbidden", "being terminated", details=TERMINATING), "NamespaceTerminating", False),
    ],
)
def test_the_first_pods_refusal_is_read_right(error, reason, final):
    """What speaks of the template ends the job; quota, rights and what may still come are waited for."""
    assert refused(error, first=True) == Refused(reason, error.message, final)


def test_a_later_refusal_never_ends_a_search():
    """Once pods of the template were taken, a denial is a passing one."""
    assert refused(ApiError(403, "Forbidden", WEBHOOK), first=False) == Refused(
        "AdmissionRefused", WEBHOOK, final=False
    )


@pytest.mark.parametrize("status", [0, 401, 409, 429, 500, 503, 504])
def test_faults_of_the_server_say_nothing_about_pods(status):
    """An unreachable or overloaded server is the back-off's business."""
    assert refused(ApiError(status, "x", "y"), first=True) is None


def test_long_messages_are_cut():
    """A webhook may say more than a condition holds."""
    found = refused(ApiError(403, "Forbidden", "x" * 5000), first=True)

    assert found is not None
    assert len(found.message) == 1000


@pytest.mark.parametrize(
    ("error", "so"),
    [
        (ApiError(400, "BadRequest", 'admission webhook "w" does not support dry run'), True),
        (ApiError(400, "BadRequest", "the dryRun alpha feature is disabled"), True),
        (ApiError(400, "BadRequest", "strict decoding error"), False),
        (ApiError(403, "Forbidden", "dry run"), False),
    ],
)
def test_a_webhook_that_cannot_dry_run_proves_nothing(error, so):
    """Then the first real pod is the proof."""
    assert without_dry_run(error) is so
