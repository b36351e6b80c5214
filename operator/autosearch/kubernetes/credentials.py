"""Who we are to the API server: from a pod's service account, or from a kubeconfig file.

Owns: where addresses, certificates and tokens come from. A token is read anew for each request, because the kubelet
and login programs replace it.
"""

import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autosearch.api.errors import EnvironmentFaultError

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to reach an API server.

    Attributes:
        server: address with scheme and port.
        tls: for `https`; None for plain HTTP, as test proxies on loopback speak it.
        token: gives the bearer token; None where a client certificate says who we are.
        namespace: what is meant where none is named.
    """

    server: str
    tls: ssl.SSLContext | None = None
    token: Callable[[], str] | None = None
    namespace: str = "default"


def in_cluster(environment: dict[str, str], account: Path = _ACCOUNT) -> Credentials | None:
    """Give the pod's own credentials; None outside of a pod.

    Args:
        environment: the process environment.
        account: folder of the mounted service account.
    """
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT", "443")
    if not host or not (account / "token").exists():
        return None
    return Credentials(
        f"https://{f'[{host}]' if ':' in host else host}:{port}",
        _trusting(str(account / "ca.crt")),
        lambda: (account / "token").read_text().strip(),
        (account / "namespace").read_text().strip(),
    )


def from_kubeconfig(path: str | None = None, context: str | None = None) -> Credentials:
    """Read a kubeconfig as kubectl does: with exec plugins, certificates and tokens.

    Args:
        path: the file, or several joined by `:`; None: `$KUBECONFIG`, else `~/.kube/config`.
        context: None: the file's current one.

    Raises:
        EnvironmentFaultError: if there is none, it cannot be read, or has no such context.
    """
    # Slow to import, and not in the operator's image, which has no use for it.
    from kubernetes.client.configuration import Configuration  # noqa: PLC0415 - see above
    from kubernetes.config import ConfigException  # noqa: PLC0415 - see above
    from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger  # noqa: PLC0415 - see above

    configuration = Configuration()
    try:
        merged = KubeConfigMerger(path or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config"))
        # The public functions do not tell the namespace.
        loader = KubeConfigLoader(merged.config or {}, active_context=context, config_base_path=None)
        loader.load_and_set(configuration)
        namespace = loader.current_context.get("context", {}).get("namespace") or "default"
    except (ConfigException, OSError, ValueError, TypeError, KeyError) as error:
        raise EnvironmentFaultError(f"kubeconfig: {error}; name a file with --kubeconfig or KUBECONFIG") from None
    return Credentials(configuration.host, _tls(configuration), _token_of(configuration), namespace)


def _trusting(authorities: str | None) -> ssl.SSLContext:
    """Trust a file's authorities, or the system's, as kubectl does."""
    context = ssl.create_default_context(cafile=authorities)
    # Python 3.13 began to refuse authorities without a key usage or key identifier: many a cluster has such a one.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _tls(configuration: object) -> ssl.SSLContext | None:
    host = str(getattr(configuration, "host", ""))
    if not host.startswith("https"):
        return None
    context = _trusting(getattr(configuration, "ssl_ca_cert", None))
    if not getattr(configuration, "verify_ssl", True):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = getattr(configuration, "cert_file", None), getattr(configuration, "key_file", None)
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


def _token_of(configuration: object) -> Callable[[], str] | None:
    """Give the reader of the token; it calls the login program again when its token is about to expire."""
    keys: dict[str, str] = getattr(configuration, "api_key", {})
    name = next((name for name in ("BearerToken", "authorization") if name in keys), None)
    if name is None:
        return None

    def read() -> str:
        refresh = getattr(configuration, "refresh_api_key_hook", None)
        if refresh is not None:
            refresh(configuration)
        return keys[name].removeprefix("Bearer ")

    return read
