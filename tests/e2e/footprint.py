"""What a cluster could leave behind on this machine, in a form that can be compared.

Owns: reading it; changes nothing.
"""

import os
import shutil
import subprocess
from pathlib import Path

# Counters, clocks and identities: they change by themselves.
_NO_SETTINGS = (
    "/kernel/random/",
    "/kernel/ns_last_pid",
    "/kernel/perf_event_max_sample_rate",
    "/kernel/pty/nr",
    "/kernel/tainted",
    "/fs/dentry-state",
    "/fs/file-nr",
    "/fs/inode-nr",
    "/fs/inode-state",
    "/fs/quota/",
    "/fs/binfmt_misc",
    "/net/netfilter/nf_conntrack_count",
    "/net/ipv4/route/flush",
    "/net/ipv6/route/flush",
)
_FOLDERS = ("/var/lib/kubelet", "/var/lib/cni", "/var/lib/containerd", "/opt/cni", "/etc/cni", "/etc/kubernetes")
_LOGS = ("/var/log/pods", "/var/log/containers", "/run/containerd", "/run/netns", "/usr/libexec/kubernetes")
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def footprint(group: str = "") -> dict[str, set[str]]:
    """Give mounts, network, settings, folders and so on of this machine, each as a set of lines.

    Args:
        group: name of a cluster's control groups, whose processes count: others may come and go beside it.
    """
    return {
        "mounts": _mounts(),
        "processes": _processes(group) if group else set(),
        "control groups": {str(path) for path in Path("/sys/fs/cgroup").rglob(group)} if group else set(),
        "addresses": _lines("ip", "-oneline", "address"),
        "links": {line.split(" mtu ")[0] for line in _lines("ip", "-oneline", "link")},
        "routes": _lines("ip", "route", "show", "table", "all"),
        # Where the first `up` brings nft, there was nothing that could have set rules.
        "firewall rules": _lines("nft", "list", "ruleset") if shutil.which("nft", path=_PATH) else set(),
        "settings": _settings(),
        "folders": {path for path in (*_FOLDERS, *_LOGS) if Path(path).exists()},
        "semaphores and queues": _lines("ipcs"),
    }


def left_behind(before: dict[str, set[str]], after: dict[str, set[str]]) -> dict[str, list[str]]:
    """Give what differs, by kind; empty where nothing does."""
    changed = {kind: sorted(before[kind] ^ after[kind]) for kind in before}
    return {kind: lines for kind, lines in changed.items() if lines}


def _lines(*command: str) -> set[str]:
    done = subprocess.run(command, env={**os.environ, "PATH": _PATH}, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines())


def _mounts() -> set[str]:
    """Mount points with what is mounted; without the numbers that another mount gets."""
    rows = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return {f"{row[3]} {row[4]} {row[row.index('-') + 1]}" for row in rows}


def _processes(group: str) -> set[str]:
    found = set()
    for path in Path("/proc").iterdir():
        try:
            if path.name.isdigit() and group in (path / "cgroup").read_text():
                found.add(f"{path.name} {(path / 'cmdline').read_bytes().replace(bytes(1), b' ').decode()[:80]}")
        except OSError:
            continue  # it has just ended
    return found


def _settings() -> set[str]:
    found = set()
    for path in Path("/proc/sys").rglob("*"):
        if not path.is_file() or any(part in str(path) for part in _NO_SETTINGS):
            continue
        try:
            found.add(f"{path} {path.read_text(errors='replace').strip()}")
        except OSError:
            continue
    return found
