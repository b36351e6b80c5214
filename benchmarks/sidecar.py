"""What a sidecar costs a trial: the time from its start until it is ready, and its memory.

Run: ``python benchmarks/sidecar.py``. Ready means: interpreter started, code (a ConfigMap of 20 files, 800 kB, as it is
mounted) and SDK copied, socket open: the median and the longest of fifteen starts, each in a new pod's folders. Memory
is the peak of the resident set when it is ready, and after 300 progress reports and a final one, sent on to a real
HTTPS server. Exits with 1 if a figure is over its bar (0.25 s, 25 MB). On a busy machine the time shows others' work
too: the CPU time beside it says what the sidecar itself takes.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.contract.pods import Pod, wait_until
from tests.contract.report_servers import ReportServer

STARTS, SECONDS_BAR, MEGABYTES_BAR = 15, 0.25, 25.0
SCRIPT = """\
for step in range(300):
    report_progress(step, {'acc': step / 300, 'loss': 1.0})
    time.sleep(0.01)
print(tools.report_final_result({'acc': 0.5}, '', ''))
"""


def new_pod(root: Path, **settings) -> Pod:
    """Make a pod with code in it."""
    pod = Pod(root, copies_code=True, **settings)
    pod.mount_code({f"package_{number % 4}/module_{number}.py": "x = 1\n" * 6800 for number in range(20)})
    return pod


def seconds_until_ready(pod: Pod) -> tuple[float, float]:
    """Start a sidecar, and give the time until the trial may start, and the CPU time that went into it."""
    ready = Path(pod.places.ready)
    before = time.perf_counter()
    pod.start(ready=False)
    while not ready.exists():
        time.sleep(0.0005)
    took = time.perf_counter() - before
    fields = Path(f"/proc/{pod.processes[-1].pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return took, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_megabytes(process: subprocess.Popen) -> float:
    """Give the peak of a process's resident set, in MB of 1,000,000 bytes."""
    lines = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6


def measured(folder: Path, server: ReportServer) -> tuple[list[tuple[float, float]], float, float]:
    """Give the times of all starts, the memory when ready and the memory after a trial's reports."""
    times = []
    for number in range(STARTS):
        pod = new_pod(folder / str(number), report_url=server.url, ca_certificate=server.ca_certificate)
        times.append(seconds_until_ready(pod))
        sidecar = pod.processes[-1]
        idle = peak_megabytes(sidecar)
        if number == STARTS - 1:
            pod.script(SCRIPT).communicate()
            wait_until(lambda: server.reports and server.reports[-1]["type"] == "final")
            time.sleep(0.2)
        busy = peak_megabytes(sidecar)
        pod.ended(sidecar)
        pod.close()
    return times, idle, busy


def main() -> int:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        server = ReportServer(Path(folder))
        times, idle, busy = measured(Path(folder), server)
        server.stop()
    took, cpu = ([start[at] for start in times] for at in (0, 1))
    middle = statistics.median(took)
    print(f"start until ready: median {middle:.3f} s, longest {max(took):.3f} s (bar {SECONDS_BAR} s)")
    print(f"of it CPU time: mean {statistics.mean(cpu):.3f} s")
    print(f"memory: {idle:.1f} MB when ready, {busy:.1f} MB after reports over HTTPS (bar {MEGABYTES_BAR} MB)")
    return int(middle > SECONDS_BAR or busy > MEGABYTES_BAR)


if __name__ == "__main__":
    sys.exit(main())
