"""What the machine must have before a node can start on it: rights, control groups, programs.

Owns: finding out, installing Debian packages where that may be, and words that say what to do.
"""

import os
import shutil
import subprocess
from pathlib import Path

from one_node import control_groups
from one_node.state import ClusterError, say

PACKAGES = {
    "runc": "runc",
    "nft": "nftables",
    "ip": "iproute2",
    "openssl": "openssl",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
}
"""Programs, and the Debian packages they come from."""
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BUILD = Path(__file__).parents[2] / "kubernetes" / "build.sh"


def check(packages: dict[str, str] | None = None) -> None:
    """Make sure that a node can run here, installing packages that are missing.

    Raises:
        ClusterError: saying what is missing and what to do about it.
    """
    if os.geteuid() != 0:
        raise ClusterError("a node needs namespaces and mounts, so the rights of root: run this as root")
    control_groups.hierarchies()
    install(packages or PACKAGES)


def install(packages: dict[str, str]) -> None:
    """Install the Debian packages of the programs that are missing; CLUSTER_APT=no forbids it.

    Raises:
        ClusterError: naming what is missing and the command that installs it.
    """
    wanted = sorted({packages[name] for name in _missing(packages)})
    if not wanted:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *wanted]
    if os.environ.get("CLUSTER_APT") != "no" and shutil.which("apt-get", path=SYSTEM_PATH):
        say(f"installing {' '.join(wanted)}")
        failed = _apt(command)
        if failed:
            # A machine that was made a moment ago has no lists of packages yet, or has old ones.
            failed = _apt(["apt-get", "update"]) or _apt(command)
        if failed:
            say(failed)
    missing = _missing(packages)
    if missing:
        raise ClusterError(f"{', '.join(missing)} not found: install it, on Debian by `{' '.join(command)}`")


def _apt(command: list[str]) -> str:
    """Run it; gives what it complained about if it failed."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": SYSTEM_PATH}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.stderr.strip() or f"exit code {done.returncode}" if done.returncode else ""


def programs() -> Path:
    """Give the folder of the parts' programs, which are built where they are missing.

    Raises:
        ClusterError: if they cannot be built.
    """
    done = subprocess.run([str(BUILD), "--node"], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise ClusterError("the node's programs could not be built, see above")
    return Path(done.stdout.splitlines()[-1])


def _missing(packages: dict[str, str]) -> list[str]:
    return [name for name in packages if shutil.which(name, path=SYSTEM_PATH) is None]
