"""The values of charts/autosearch as models: from them come values.schema.json and the table in the chart's README.

A field's meaning stands beside it, because it is what both of them show. Kubernetes' own types are described as far as
a typing error in them would otherwise be found only by the API server.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

LABEL_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
OPTIONAL_NAME = r"^([a-z0-9]([-.a-z0-9]*[a-z0-9])?)?$"

Namespace = Annotated[str, Field(max_length=63, pattern=LABEL_NAME)]
Port = Annotated[int, Field(ge=1, le=65535)]
Name = Annotated[str, Field(max_length=253, pattern=OPTIONAL_NAME)]
ChartName = Annotated[str, Field(max_length=48, pattern=OPTIONAL_NAME.replace(".", ""))]
Texts = dict[str, str]
PullPolicy = Literal["IfNotPresent", "Always", "Never"]


class Part(BaseModel):
    """A part of the values; a name that is not declared is refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class Image(Part):
    """The operator's image."""

    repository: Annotated[str, Field(min_length=1, pattern=r"^[^\s@]+$")] = Field(
        "autosearch/operator", description="The image's name, with its registry, without tag."
    )
    tag: Annotated[str, Field(pattern=r"^([A-Za-z0-9_][A-Za-z0-9._-]{0,127})?$")] = Field(
        "", description="Empty: the chart's appVersion."
    )
    digest: Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")] = Field(
        "", description="`sha256:` and 64 digits; stands beside the tag and wins."
    )
    pull_policy: PullPolicy = Field("IfNotPresent", description="When the node pulls it.")


class PullSecret(Part):
    """A reference to a Secret with credentials of a registry."""

    name: Annotated[Name, Field(min_length=1)] = Field(description="The Secret's name.")


class Sidecar(Part):
    """What runs beside each trial."""

    image: Annotated[str, Field(pattern=r"^\S*$")] = Field(
        "", description="A whole reference; empty: the operator's image. Nodes that run trials must be able to pull it."
    )
    pull_policy: PullPolicy = Field("IfNotPresent", description="When a trial's node pulls it.")


class EnvironmentVariable(Part):
    """One environment variable, as in a container."""

    name: Annotated[str, Field(min_length=1)] = Field(description="Its name.")
    value: str = Field("", description="Its value, a string.")
    value_from: dict[str, Any] = Field({}, description="Where the value comes from, as in a container.")


class Service(Part):
    """The service that sidecars report to."""

    port: Port = Field(8443, description="Where sidecars report progress, over HTTPS.")
    annotations: Texts = Field({}, description="Annotations of the Service.")


class Certificate(Part):
    """The report server's certificate."""

    existing_secret: Name = Field(
        "",
        description="A Secret in the release's namespace with `tls.crt`, `tls.key` and `ca.crt` for "
        "`SERVICE.NAMESPACE.svc`; empty: the chart makes one and keeps it over upgrades.",
    )
    validity_days: Annotated[int, Field(ge=30, le=36500)] = Field(
        3650, description="Of a certificate made by the chart; an upgrade replaces it in the last tenth of its time."
    )


class Crds(Part):
    """The custom resource definitions."""

    enabled: bool = Field(
        default=True, description="Install and upgrade the custom resource definitions with the chart."
    )
    keep: bool = Field(
        default=True, description="Leave them, and all searches with them, when the chart is uninstalled."
    )


class Rbac(Part):
    """Roles."""

    create: bool = Field(default=True, description="Make the operator's own roles and bindings.")
    user_roles: bool = Field(default=True, description="Make ClusterRoles for people: NAME-viewer and NAME-editor.")
    aggregate: bool = Field(
        default=True, description="Whoever has `view` or `edit` in a namespace may see or write searches there."
    )


class ServiceAccount(Part):
    """The operator's service account."""

    create: bool = Field(default=True, description="Make the operator's service account.")
    name: Name = Field("", description="Its name; empty: the chart's. Required when `create` is false.")
    annotations: Texts = Field({}, description="Annotations of the service account.")


class PodMonitor(Part):
    """A PodMonitor of the Prometheus operator."""

    enabled: bool = Field(default=False, description="Make a PodMonitor; needs the Prometheus operator's definitions.")
    interval: Annotated[str, Field(pattern=r"^([0-9]+(ms|s|m|h))+$")] = Field(
        "30s", description="How often /metrics is read."
    )
    labels: Texts = Field({}, description="Labels by which Prometheus finds it.")


class Metrics(Part):
    """Who reads /metrics."""

    pod_monitor: PodMonitor = PodMonitor()


class NetworkPolicy(Part):
    """A NetworkPolicy for the operator."""

    enabled: bool = Field(
        default=False, description="Let in only sidecars and `metricsFrom`; let out only to DNS and the API server."
    )
    metrics_from: list[dict[str, Any]] = Field(
        [], description="Who may read /metrics: peers of a NetworkPolicy. Empty: nobody but the kubelet."
    )
    api_server_ports: Annotated[list[Port], Field(min_length=1)] = Field(
        [443, 6443], description="Ports on which the API server may be reached."
    )


class PodDisruptionBudget(Part):
    """How many replicas may be evicted at once."""

    enabled: bool = Field(default=True, description="Make a PodDisruptionBudget; only with more than one replica.")
    max_unavailable: Annotated[int, Field(ge=1)] = Field(1, description="How many replicas may be away at once.")


class Resources(Part):
    """Requests and limits, as in a container."""

    requests: dict[str, str | int] = Field(
        {"cpu": "100m", "memory": "256Mi"}, description="What a node must have free."
    )
    limits: dict[str, str | int] = Field({"memory": "1Gi"}, description="What the operator may use at most.")


class Toleration(Part):
    """A toleration, as in a pod."""

    key: str = Field("", description="The taint's key.")
    operator: Literal["Exists", "Equal"] = Field("Equal", description="How value is compared.")
    value: str = Field("", description="The taint's value.")
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = Field("", description="The taint's effect.")
    toleration_seconds: int = Field(0, description="How long a NoExecute taint is tolerated.")


class TopologySpread(BaseModel):
    """A topology spread constraint, as in a pod; newer fields than these are let through."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")

    max_skew: Annotated[int, Field(ge=1)] = Field(description="How uneven the spread may be.")
    topology_key: Annotated[str, Field(min_length=1)] = Field(description="The node label that names a domain.")
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"] = Field(description="What to do if it cannot be.")


class Affinity(Part):
    """Affinity, as in a pod."""

    node_affinity: dict[str, Any] = Field({}, description="As in a pod.")
    pod_affinity: dict[str, Any] = Field({}, description="As in a pod.")
    pod_anti_affinity: dict[str, Any] = Field({}, description="As in a pod.")


class Values(Part):
    """The values of the chart."""

    name_override: ChartName = Field("", description='Replaces "autosearch" in the names of objects.')
    fullname_override: ChartName = Field("", description="Replaces the whole name of objects, release name included.")
    global_: dict[str, Any] = Field(
        {}, alias="global", description="Helm hands it to a chart that another one depends on; not used."
    )
    namespaces: Annotated[list[Namespace], Field(json_schema_extra={"uniqueItems": True})] = Field(
        [], description="The namespaces whose searches the operator runs; empty: the whole cluster's."
    )
    replicas: Annotated[int, Field(ge=1, le=5)] = Field(
        1, description="One works and holds a Lease; further ones are standbys."
    )
    image: Image = Image()
    image_pull_secrets: list[PullSecret] = Field([], description="For the operator's own pod, not for pods of trials.")
    sidecar: Sidecar = Sidecar()
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much the operator logs.")
    extra_env: list[EnvironmentVariable] = Field([], description="More environment variables of the operator.")
    service: Service = Service()
    certificate: Certificate = Certificate()
    crds: Crds = Crds()
    rbac: Rbac = Rbac()
    service_account: ServiceAccount = ServiceAccount()
    metrics: Metrics = Metrics()
    network_policy: NetworkPolicy = NetworkPolicy()
    pod_disruption_budget: PodDisruptionBudget = PodDisruptionBudget()
    resources: Resources = Resources()
    pod_annotations: Texts = Field({}, description="Annotations of the operator's pod.")
    pod_labels: Texts = Field({}, description="Labels of the operator's pod.")
    priority_class_name: Name = Field("", description="Priority class of the operator's pod.")
    node_selector: Texts = Field({}, description="Labels of nodes that may run the operator.")
    tolerations: list[Toleration] = Field([], description="Taints that the operator's pod tolerates, as in a pod.")
    affinity: Affinity = Field(Affinity(), description="Affinity of the operator's pod, as in a pod.")
    topology_spread_constraints: list[TopologySpread] = Field(
        [], description="As in a pod; an entry without labelSelector gets the operator's."
    )
