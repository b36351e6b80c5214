"""The operator as a process of its own, with the rights that the chart gives it and its own token.

Owns: its namespace, service account, certificate and process. Each job of a test is one namespace's; the operator of a
session watches all of them.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from tests.cluster.certificates import Authority
from tests.cluster.control_plane import ControlPlane
from tests.cluster.processes import Part, free_port

REPOSITORY = Path(__file__).parents[2]
CHART = REPOSITORY / "charts" / "autosearch"
Json = dict[str, Any]
_NOISE = re.compile(r"#|\w+_(bucket|created)\b|python|process")
_SKIPPED = ("CustomResourceDefinition", "Deployment", "Secret")


class OperatorProcess:
    """One operator on a control plane.

    Attributes:
        namespace: its own, with its service account and its Lease.
        token: its service account's.
        part: its process.
        health: address of /healthz, /readyz and /metrics.
        report_url: address of the report server.
        ca: PEM of who signed its certificate.
    """

    def __init__(
        self,
        cluster: ControlPlane,
        folder: Path,
        *,
        server: str = "",
        values: Json | None = None,
        name: str = "operator",
    ) -> None:
        """Install the chart's rights; starts nothing.

        Args:
            server: address of the API server as the operator sees it, such as a proxy's.
            values: of the chart.
        """
        self._cluster = cluster
        self.namespace = cluster.create_namespace()
        self.objects = render(self.namespace, values or {})
        # Each has its namespace: roles for searches are where those are.
        cluster.apply(*(each for each in self.objects if each["kind"] not in _SKIPPED))
        self.account = next(each["metadata"]["name"] for each in self.objects if each["kind"] == "ServiceAccount")
        self.token = cluster.account_token(self.namespace, self.account)
        self._folder = folder / f"{name}-{self.namespace}"
        self._folder.mkdir(parents=True)
        self._write_certificate()
        health, reports = free_port(), free_port()
        self.health, self.report_url = f"http://127.0.0.1:{health}", f"https://127.0.0.1:{reports}"
        kubeconfig = cluster.user_kubeconfig(self.token, self.namespace, server)
        self.log = self._folder / "operator.log"
        flags = {
            "sidecar-image": "autosearch:test",
            "report-url": self.report_url,
            "report-port": str(reports),
            "tls-directory": str(self._folder / "tls"),
            "health-port": str(health),
            "lease-namespace": self.namespace,
            "lease-name": _flag(self.objects, "lease-name"),
            "namespaces": ",".join((values or {}).get("namespaces", ())),
            "identity": name,
            "kubeconfig": str(kubeconfig),
        }
        command = [sys.executable, "-P", str(Path(__file__).with_name("operator_main.py"))]
        command += [f"--{flag}={value}" for flag, value in flags.items() if value]
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(REPOSITORY / "operator"),
            "HOME": str(self._folder),
            "TMPDIR": str(self._folder),
        }
        self.part = Part(name, command, self.log, environment)

    def start(self) -> None:
        """Start the process and wait until its caches are filled."""
        self.part.start()
        self.wait(self.is_ready, "ready")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End the process."""
        self.part.kill(number)

    def is_ready(self) -> bool:
        """Ask /readyz."""
        return self.get("/readyz") == "ok\n"

    def get(self, path: str) -> str:
        """Read a path of the health server; "" where it does not answer with 200."""
        try:
            with urllib.request.urlopen(f"{self.health}{path}", timeout=5) as answer:  # noqa: S310 - our own process
                return str(answer.read().decode())
        except OSError:
            return ""

    def account_of_itself(self) -> str:
        """Give what its tasks wait for, the end of its log, and what it measured, for whom a test has failed."""
        if self.part.running:
            os.kill(self.part.pid, signal.SIGUSR1)
            time.sleep(0.5)
        measured = (line for line in self.get("/metrics").splitlines() if not _NOISE.match(line))
        return "\n".join([self.part.tail(250), *measured])

    def wait(self, done: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Wait until something is so; shows the log where it is not in time."""
        deadline = time.monotonic() + seconds
        while not done():
            assert self.part.running, f"the operator ended: {self.part.tail()}"
            assert time.monotonic() < deadline, f"not {what} after {seconds:.0f} s: {self.part.tail()}"
            time.sleep(0.05)

    def _write_certificate(self) -> None:
        authority = Authority("autosearch test operator")
        certificate, key = authority.issue(["127.0.0.1", "localhost"])
        self.ca = authority.certificate
        folder = self._folder / "tls"
        folder.mkdir()
        for name, text in {"tls.crt": certificate, "tls.key": key, "ca.crt": authority.certificate}.items():
            (folder / name).write_text(text)


def render(namespace: str, values: Json) -> list[Json]:
    """Render the chart."""
    helm = Path(sys.executable).with_name("helm")
    given = {"certificate": {"existingSecret": "none"}, "crds": {"enabled": False}, **values}
    command = [str(helm), "template", "autosearch", str(CHART), f"--namespace={namespace}", "--values=-"]
    # Rights of the whole cluster are of this release alone: several operators share a control plane.
    given["fullnameOverride"] = f"autosearch-{namespace}"
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def _flag(objects: list[Json], name: str) -> str:
    deployment = next(each for each in objects if each["kind"] == "Deployment")
    flags = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    return str(next(flag.partition("=")[2] for flag in flags if flag.startswith(f"--{name}=")))
