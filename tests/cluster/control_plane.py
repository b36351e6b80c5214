"""A control plane of our own on loopback: etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok.

Owns: its processes, ports, certificates, users and data, all of which end with `close`, or by the kernel when the
process that started it is killed. Data is in memory. Nothing but kwok is a stand-in: it plays the kubelets.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.cluster import commands
from tests.cluster.access import Access, Json
from tests.cluster.certificates import Authority, account_key
from tests.cluster.processes import MemoryFolder, Part, free_port

HERE = Path(__file__).parent
USERS = {"admin": "system:masters", "kwok": "system:masters", "alice": "", "bob": ""}
"""Users beside the system's, with their groups. `alice` and `bob` may do nothing until a test grants it."""
NODES = ("node-a", "node-b")
_SYSTEM_USERS = ("system:kube-controller-manager", "system:kube-scheduler")


class StartError(RuntimeError):
    """The control plane did not come up; the text holds the ends of the logs."""


class ControlPlane(Access):
    """A running control plane, once `start` has returned.

    Attributes:
        server: address of the API server.
        ca: file with the certificate of who signed the API server's.
        kubeconfig: the administrator's.
        logs: folder with one log for each program.
        parts: the programs by name.
        start_seconds: how long the start took, by step.
    """

    def __init__(self, binaries: Path, folder: Path) -> None:
        """Prepare the files; starts nothing.

        Args:
            binaries: folder that `tools/kubernetes/build.sh` prints.
            folder: for configuration and logs.
        """
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True)
        self.memory = MemoryFolder()
        self.port = free_port()
        self.parts: dict[str, Part] = {}
        self.start_seconds: dict[str, float] = {}
        self._binaries = binaries
        tokens = {name: os.urandom(16).hex() for name in (*USERS, *_SYSTEM_USERS)}
        super().__init__(f"https://127.0.0.1:{self.port}", folder, binaries / "kubectl", tokens)
        self._write_identity()
        self._prepare_parts()

    def start(self) -> None:
        """Start all programs and wait until pods can be created and played; about 4 seconds.

        Raises:
            StartError: if a program ends or one is not ready in time.
        """
        began = time.monotonic()
        try:
            for name in ("etcd", "kube-apiserver"):
                self.parts[name].start()
            self.wait_until_ready()
            self.start_seconds["API server ready"] = time.monotonic() - began
            for name in ("kube-controller-manager", "kube-scheduler", "kwok"):
                self.parts[name].start()
            for name in NODES:
                self.request("POST", "/api/v1/nodes", commands.node(name))
            self._wait(lambda: self.exists("/api/v1/namespaces/default/serviceaccounts/default"), "the service account")
            for name in NODES:
                self._wait(lambda name=name: self._node_ready(name), f"node {name}")
        except BaseException:
            self.close()
            raise
        self.start_seconds["pods can start"] = time.monotonic() - began

    def close(self) -> None:
        """End all programs at once and remove the data; the logs stay."""
        for part in reversed(self.parts.values()):
            part.kill()
        self.memory.close()

    def wait_until_ready(self) -> None:
        """Wait until the API server says that it is ready."""
        self._wait(lambda: self.text("/readyz") == "ok", "the API server")

    def restart_api_server(self) -> None:
        """Kill the API server, as a crash would, and wait until it is back at its address."""
        self.parts["kube-apiserver"].kill()
        self.parts["kube-apiserver"].start()
        self.wait_until_ready()

    def restart(self, name: str) -> None:
        """Kill a program and start it again; does not wait until it is ready."""
        self.parts[name].kill()
        self.parts[name].start()

    def write_pod_log(self, text: str) -> None:
        """Set what every container of every pod has logged."""
        # In the form in which a container runtime writes them.
        lines = "".join(f"2026-01-01T00:00:00.000000000Z stdout F {line}\n" for line in text.splitlines())
        (self.folder / "pod.log").write_text(lines)

    def audit(self, user: str) -> list[Json]:
        """Give the audit events of a service account, such as `system:serviceaccount:NAMESPACE:NAME`, oldest first.

        Each has `verb`, `objectRef` (resource, subresource, namespace, name, apiGroup), `responseStatus.code` and
        `annotations` with who allowed it. A request is there a moment after its answer; a watch is there twice, with
        `stage` ResponseStarted when it begins and ResponseComplete when it has ended.
        """
        path = self.folder / "audit.log"
        # The last line may still be under way.
        lines = path.read_text().rpartition("\n")[0].splitlines() if path.exists() else []
        return [event for event in map(json.loads, lines) if event["user"].get("username") == user]

    def tails(self) -> str:
        """Give the ends of all logs."""
        return "\n".join(part.tail() for part in self.parts.values())

    def _wait(self, done: Callable[[], bool], what: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                if done():
                    return
            except (OSError, ValueError):
                pass  # not there yet
            gone = [part.name for part in self.parts.values() if part.exit_code is not None]
            if gone or time.monotonic() > deadline:
                why = f"{', '.join(gone)} ended" if gone else f"{what} was not ready after {seconds:.0f} s"
                raise StartError(f"{why}\n{self.tails()}")
            time.sleep(0.05)

    def _node_ready(self, name: str) -> bool:
        node = self.request("GET", f"/api/v1/nodes/{name}")
        conditions = {each["type"]: each["status"] for each in node["status"].get("conditions", ())}
        return conditions.get("Ready") == "True" and not node["spec"].get("taints")

    def _write_identity(self) -> None:
        """Write certificates, keys and the list of tokens."""
        authority = Authority("autosearch test cluster")
        names = ["127.0.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "10.96.0.1"]
        certificate, key = authority.issue(names)
        groups = {**dict.fromkeys(_SYSTEM_USERS, ""), **USERS}
        rows = [f'{token},{name},{name},"{groups[name]}"' for name, token in self.tokens.items()]
        files = {
            "audit.yaml": json.dumps(commands.AUDIT_POLICY),
            "kwok.yaml": commands.kwok_configuration(self.folder),
            "pod.log": "",
            "ca.crt": authority.certificate,
            "ca.key": authority.key,
            "serving.crt": certificate,
            "serving.key": key,
            "accounts.key": account_key(),
            "tokens.csv": "\n".join(rows) + "\n",
        }
        for name, text in files.items():
            path = self.folder / name
            path.touch(mode=0o600)
            path.write_text(text)

    def _prepare_parts(self) -> None:
        etcd_client, etcd_peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        flags_of = {
            "etcd": commands.etcd(self.memory.path / "etcd", etcd_client, etcd_peer),
            "kube-apiserver": commands.api_server(self.folder, self.port, etcd_client),
            "kube-controller-manager": commands.controller_manager(self.folder, self._config_of(_SYSTEM_USERS[0])),
            "kube-scheduler": [
                "--kubeconfig",
                self._config_of(_SYSTEM_USERS[1]),
                "--leader-elect=false",
                "--secure-port=0",
            ],
            "kwok": commands.kwok(self.folder, self._config_of("kwok"), free_port()),
        }
        # HOME: kwok reads ~/.kwok, which is not ours.
        environment = {"PATH": os.defpath, "HOME": str(self.folder), "TMPDIR": str(self.memory.path)}
        for name, flags in flags_of.items():
            command = [str(self._binaries / name), *flags]
            self.parts[name] = Part(name, command, self.logs / f"{name}.log", environment)

    def _config_of(self, user: str) -> str:
        return str(self.user_kubeconfig(self.tokens[user]))


def find_binaries(*, build: bool = False) -> Path | None:
    """Give the folder that holds the programs; None where they are not built yet and `build` is False.

    Raises:
        StartError: if KUBEBUILDER_ASSETS names a folder without kube-apiserver or etcd, or the build fails.
    """
    script = HERE.parents[1] / "tools" / "kubernetes" / "build.sh"
    command = [str(script)] if build else [str(script), "--cached"]
    environment = {**os.environ, "PYTHON": sys.executable}
    errors = None if build else subprocess.PIPE
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment, check=False)
    if done.returncode == 3 and not build:
        return None
    if done.returncode:
        raise StartError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr or ''}")
    return Path(done.stdout.splitlines()[-1])
