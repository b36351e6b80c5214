"""How long whole commands take: `autosearch --help`, and `autosearch results` of a search of 2,000 trials.

Run: ``python benchmarks/commands.py``. Prints the median wall time of five runs each, the interpreter's start included;
exits with 1 if one is over its bar (0.2 s and 1 s).
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.unit.view_samples import tpe_search

from autosearch.local.store import Store

TRIALS, RUNS = 2000, 5


def stored_search(root: Path) -> None:
    """Write a finished search of many trials as a run leaves it."""
    job, trials = tpe_search(TRIALS)
    store = Store(root)
    store.prepare()
    (root / "job.json").write_text(job.model_dump_json(by_alias=True, exclude_none=True))
    for trial in trials:
        path = root / "trials" / f"{trial.spec.trial_id}.json"
        path.write_text(trial.model_dump_json(by_alias=True, exclude_none=True))


def seconds(*words: str) -> float:
    """Give the median wall time of a command."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    times = []
    for _ in range(RUNS):
        before = time.perf_counter()
        command = [sys.executable, "-m", "autosearch", *words]
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - before)
    return statistics.median(times)


def main() -> int:
    """Print the figures."""
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        stored_search(Path(folder))
        for bar, words in ((0.2, ["--help"]), (1.0, ["results", folder]), (1.0, ["results", folder, "--json"])):
            took = seconds(*words)
            missed |= took > bar
            shown = " ".join(word for word in words if word != folder)
            print(f"autosearch {shown}: {took:.3f} s (bar {bar} s)")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
