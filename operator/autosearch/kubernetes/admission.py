"""What it means that the API server does not take a pod.

Owns: the reading of its answers: quota, admission, a template that can never work, or a passing fault. It asks nobody.
"""

from dataclasses import dataclass

from autosearch.kubernetes.client import ApiError

_BAD_REQUEST, _FORBIDDEN, _NOT_FOUND, _INVALID, _INTERNAL = 400, 403, 404, 422, 500
PASSING = (404, 409)
"""Answers that tell of a change which our cache had not seen: the next pass has."""
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a pod was not taken.

    Attributes:
        reason: one word for programs.
        message: for people, in the server's words.
        final: the template can never work: another try cannot help.
    """

    reason: str
    message: str
    final: bool = False


def refused(error: ApiError, *, first: bool) -> Refused | None:
    """Read the answer; None for a fault that passes by itself, such as an unreachable server.

    Args:
        first: it was the dry run of the job's first pod, so that a denial speaks of the template.
    """
    found = _reading(error)
    if found is None:
        return None
    reason, final = found
    if is_namespace_terminating(error):
        reason, final = "NamespaceTerminating", False
    return Refused(reason, error.message[:_LONGEST], final=final and first)


_REASONS = {
    _INVALID: ("PodRefused", True),
    _BAD_REQUEST: ("PodRefused", True),
    # Something that the template names is not there.
    _NOT_FOUND: ("PodRefused", False),
}


def _reading(error: ApiError) -> tuple[str, bool] | None:
    """Give reason and whether it speaks of the template; the reason is never one with which a search ends."""
    if error.status == _INTERNAL:
        # A webhook that is down: nothing is wrong with the pod, but without a word nobody would know why it waits.
        return ("AdmissionFailed", False) if "failed calling webhook" in error.message else None
    if "ValidatingAdmissionPolicy" in error.message:
        return "AdmissionRefused", True
    return _denied(error) if error.status == _FORBIDDEN else _REASONS.get(error.status)


def _denied(error: ApiError) -> tuple[str, bool]:
    """Give reason and whether it speaks of the template: webhooks and policies do, quota and rights do not."""
    message = error.message
    if "exceeded quota" in message:
        return "QuotaExceeded", False
    if "cannot create resource" in message:
        return "NotAllowed", False
    if "admission webhook" in message:
        return "AdmissionRefused", True
    # A service account, a runtime class or a priority class that is missing may still come.
    return "PodRefused", not any(words in message for words in ("not found", "no PriorityClass with name"))


def without_dry_run(error: ApiError) -> bool:
    """Say whether a webhook has refused only because it does not support dry runs."""
    return error.status == _BAD_REQUEST and "dry run" in error.message.lower().replace("dryrun", "dry run")


def is_namespace_terminating(error: ApiError) -> bool:
    """Say whether something was not taken because its namespace is being deleted, and everything in it with it."""
    causes = error.details.get("causes") or []
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)
