"""The flags of `autosearch operator`, each of which the environment may give instead.

Owns: their words. Nothing but the standard library is imported here.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

_OPERATOR = """\
Run the controller of a cluster: it turns AutoSearchJobs into trials and trials into pods. The Helm chart starts it.
Each flag may be given as an environment variable instead: --sidecar-image as AUTOSEARCH_OPERATOR_SIDECAR_IMAGE.
"""
_SIDECAR = """\
Run beside a trial in its pod: copies the code and the SDK in, takes the script's reports, keeps the accepted one.
The operator writes its whole configuration into the pod; it is not meant to be called by hand.
"""
Add = Callable[[str, str, str], argparse.ArgumentParser]


def add_operator_command(command: Add) -> None:
    """Declare `operator`."""
    # Dispatched before this parser is made, so that it starts fast; here for the list of commands alone.
    command("sidecar", "run beside a trial; the operator puts it into each pod", _SIDECAR)
    made = command("operator", "run the controller of a cluster", _OPERATOR)
    _flag(made, "--namespaces", "", "NAMES", "watch only these namespaces, with commas between (default: all)")
    _flag(made, "--sidecar-image", None, "IMAGE", "image of the sidecar, which is the operator's own")
    _flag(made, "--sidecar-pull-policy", "IfNotPresent", "POLICY", "Always, IfNotPresent or Never")
    _flag(
        made, "--report-url", "", "URL", "how sidecars reach this operator; absent: no live progress, no early stopping"
    )
    _flag(made, "--report-port", 8443, "PORT", "port for the reports of sidecars (HTTPS)")
    _flag(made, "--tls-directory", None, "DIR", "holds tls.crt, tls.key and ca.crt; absent: no reports are taken", Path)
    _flag(made, "--health-port", 8080, "PORT", "port of /healthz, /readyz and /metrics (HTTP)")
    _flag(made, "--lease-namespace", "", "NAMESPACE", "namespace of the lease (default: the operator's own)")
    _flag(made, "--lease-name", "autosearch-operator", "NAME", "name of the lease")
    _flag(made, "--identity", "", "NAME", "this replica's name, unique among all (default: the host's)")
    _flag(made, "--kubeconfig", None, "FILE", "for an operator outside of the cluster")
    _flag(made, "--log-level", "info", "LEVEL", "debug, info, warning or error")


def _flag(
    made: argparse.ArgumentParser,
    name: str,
    default: str | int | None,
    metavar: str,
    text: str,
    kind: Callable[[str], object] = str,
) -> None:
    given = os.environ.get(f"AUTOSEARCH_OPERATOR_{name[2:].replace('-', '_').upper()}")
    required = name == "--sidecar-image" and given is None
    shown = f"{text} (default: {default})" if default else text
    made.add_argument(
        name,
        default=default if given is None else given,
        metavar=metavar,
        help=shown,
        required=required,
        type=int if isinstance(default, int) else kind,
    )
