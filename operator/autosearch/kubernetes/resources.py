"""The kinds of objects that are read and written, and the words on them.

Owns: groups, plurals, paths, labels. All names are deterministic.
"""

from dataclasses import dataclass
from urllib.parse import quote

from autosearch.api.job import AutoSearchJob
from autosearch.engine.names import job_id

GROUP = "autosearch.dev"
JOB_LABEL = "autosearch.dev/job"
TRIAL_LABEL = "autosearch.dev/trial"
ATTEMPT_LABEL = "autosearch.dev/attempt"
MANAGED_LABEL = "autosearch.dev/managed"
CLEANER_LABEL = "autosearch.dev/cleaner"
"""On the pods that remove old models."""
MANAGED_SELECTOR = f"{MANAGED_LABEL}=true"
AUDIENCE = "autosearch.dev"
"""Audience of the tokens that sidecars show to the report server."""
OPERATOR_NAME = "autosearch.dev/operator"
"""The value of `spec.managedBy` that is ours."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object.

    Attributes:
        group: "" for the core group.
    """

    kind: str
    plural: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """What objects of this kind have as `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """Give the path below the server's address; without a namespace, that of all namespaces."""
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if self.namespaced and namespace is not None:
            parts += ["namespaces", quote(namespace, safe="")]
        parts += [self.plural, *([quote(name, safe="")] if name else []), *([subresource] if subresource else [])]
        return "/" + "/".join(parts)


JOBS = Resource("AutoSearchJob", "autosearchjobs", GROUP, "v1alpha1")
TRIALS = Resource("Trial", "trials", GROUP, "v1alpha1")
PODS = Resource("Pod", "pods")
EVENTS = Resource("Event", "events")
CONFIG_MAPS = Resource("ConfigMap", "configmaps")
CLAIMS = Resource("PersistentVolumeClaim", "persistentvolumeclaims")
LEASES = Resource("Lease", "leases", "coordination.k8s.io")
TOKEN_REVIEWS = Resource("TokenReview", "tokenreviews", "authentication.k8s.io", namespaced=False)


def pod_name(job: AutoSearchJob, attempt_id: str) -> str:
    """Give the name of an attempt's pod."""
    return f"{job_id(job)}-{attempt_id}"
