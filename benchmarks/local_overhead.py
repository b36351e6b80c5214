"""What a local trial costs beside itself: CPU of runner and supervisor for trials that finish at once.

Run: ``python benchmarks/local_overhead.py [TRIALS]``. Prints milliseconds of CPU per trial; the trials' own processes
are not counted, the worker that proposes is shown apart. The bar is 15 ms at 1,000 trials, two side by side.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from autosearch.api.job import AutoSearchJob
from autosearch.local.descendants import children_of
from autosearch.local.live_view import LiveView
from autosearch.local.runner import open_results, run_search

_SCRIPT = 'echo "{\\"acc\\": $AUTOSEARCH_PARAM_x}" > "$AUTOSEARCH_RESULT"'
_TICKS = os.sysconf("SC_CLK_TCK")


def job_of(trials: int) -> AutoSearchJob:
    """Give a random search through a shell script of one line."""
    container = {"name": "trial", "command": ["sh", "-c", _SCRIPT]}
    spec = {
        "objective": {"metric": "acc", "direction": "Maximize"},
        "parameters": [{"name": "x", "float": {"min": 0.0, "max": 1.0}}],
        "algorithm": {"random": {}},
        "maxTrials": trials,
        "parallelTrials": 2,
        "arguments": "None",
        "template": {"spec": {"containers": [container]}},
    }
    return AutoSearchJob.from_dict({"metadata": {"name": "overhead"}, "spec": spec})


class Measured:
    """CPU seconds of the runner's two children, read while they still live."""

    supervisor = 0.0
    worker = 0.0

    def __call__(self, view: LiveView) -> None:
        """Read them with the last view."""
        if view.over:
            for pid in children_of(os.getpid()):
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                seconds = (int(fields[11]) + int(fields[12])) / _TICKS
                if b"local.supervisor" in command:
                    self.supervisor += seconds
                else:
                    self.worker += seconds


def main() -> None:
    """Run the search and print what it cost."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    measured = Measured()
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = time.perf_counter(), time.process_time()
        job = run_search(job_of(trials), output=Path(folder), listener=measured)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        reading = time.perf_counter()
        open_results(Path(folder))
        reading = time.perf_counter() - reading
    assert job.status.trials.succeeded == trials, job.status
    print(f"trials                {trials}, in {wall:.1f} s")
    print(f"runner                {cpu / trials * 1e3:.1f} ms of CPU per trial")
    print(f"supervisor            {measured.supervisor / trials * 1e3:.1f} ms of CPU per trial")
    print(f"runner and supervisor {(cpu + measured.supervisor) / trials * 1e3:.1f} ms of CPU per trial (bar: 15)")
    print(f"worker                {measured.worker / trials * 1e3:.1f} ms of CPU per trial")
    print(f"results               {reading:.2f} s to read all of them (bar: 1 s at 2,000)")


if __name__ == "__main__":
    main()
