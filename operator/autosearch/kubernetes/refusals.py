"""What an API server's refusal means for the person at the command line.

Owns: the sentences. Each says what was asked, why it was refused and what to do.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autosearch.kubernetes.resources import GROUP, Resource

if TYPE_CHECKING:
    from autosearch.kubernetes.client import ApiError

_UNKNOWN_USER, _FORBIDDEN, _NOT_FOUND, _INVALID = 401, 403, 404, 422


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was refused.

    Attributes:
        verb: as RBAC has it: `get`, `list`, `watch`, `create`, `patch`, `delete`.
        name: of the object; "" for many.
    """

    verb: str
    resource: Resource
    namespace: str
    name: str = ""
    subresource: str = ""

    @property
    def plural(self) -> str:
        """The resource as RBAC rules and `kubectl auth can-i` write it."""
        resource = self.resource
        whole = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
        return f"{whole}/{self.subresource}" if self.subresource else whole


def sentence(error: "ApiError", asked: Asked) -> str:
    """Say what a refusal means, in the user's terms."""
    if not error.status:
        return (
            f"the API server does not answer: {error.message}; check the network, and with "
            "`kubectl config current-context` that this is the cluster you mean"
        )
    if error.status == _UNKNOWN_USER:
        return (
            "the API server does not accept your credentials (401 Unauthorized): log in anew, or choose others with "
            "--context or --kubeconfig"
        )
    if error.status == _FORBIDDEN:
        return _forbidden(error, asked)
    if error.status == _NOT_FOUND:
        return _not_found(error, asked)
    if error.status == _INVALID:
        return _invalid(error, asked)
    return f"the API server answered {error.status}: {error.message}"


def _forbidden(error: "ApiError", asked: Asked) -> str:
    # Quotas and admission policies answer 403 as well, and say themselves what is wrong.
    if " cannot " not in error.message:
        return f"the API server refuses it: {error.message}"
    return (
        f"you may not {asked.verb} {asked.plural} in namespace {asked.namespace} (403 Forbidden): ask for a role that "
        f"allows it, or name another namespace with -n; the server says: {error.message}"
    )


def _not_found(error: "ApiError", asked: Asked) -> str:
    if error.details.get("kind") == "namespaces":
        return f"there is no namespace {asked.namespace} on this cluster; name another with -n"
    if asked.resource.group == GROUP and not error.details.get("name"):
        return (
            f"this cluster knows no {asked.plural}: AutoSearch is not installed on it; install the chart "
            "(docs/install.md), or choose another cluster with --context"
        )
    if error.details.get("name") not in (None, asked.name):
        return f"the API server answered 404: {error.message}"
    kind = asked.resource.kind
    return f"there is no {kind} {asked.name} in namespace {asked.namespace}; name another namespace with -n"


def _invalid(error: "ApiError", asked: Asked) -> str:
    causes = [cause for cause in error.details.get("causes") or [] if isinstance(cause, dict)]
    lines = [f"  {cause.get('field', '')}: {cause.get('message', '')}" for cause in causes]
    head = f"the API server refuses {asked.resource.kind} {asked.name}"
    return "\n".join([f"{head}:", *dict.fromkeys(lines)]) if lines else f"{head}: {error.message}"
