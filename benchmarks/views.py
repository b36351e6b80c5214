"""What the views cost with 2,000 trials: `python benchmarks/views.py`.

Prints CPU time, the libraries' imports left out; exits with 1 if one is over its bar.
"""

import io
import sys
import time
from dataclasses import replace
from datetime import timedelta

from rich.console import Console
from tests.unit.view_samples import START, pbt_search, still_running, tpe_search

from autosearch.api.algorithms import Asha, Median
from autosearch.search.propose import record_of, search_of
from autosearch.search.stopping import StoppingView
from autosearch.views import report
from autosearch.views.live import LiveProgress
from autosearch.views.table import print_results

TRIALS, LOOKS, AT = 2000, 100, 9
NOW = START + timedelta(hours=6)


def cpu(work) -> float:
    """Give the CPU seconds that a call takes."""
    before = time.process_time()
    work()
    return time.process_time() - before


def live(terminal: bool) -> float:
    """Give the CPU seconds of one look at a running search."""
    then = still_running(tpe_search(TRIALS, 8), 20_000)
    progress = LiveProgress(Console(file=io.StringIO(), force_terminal=terminal, width=120))
    progress.update(*then, NOW)
    took = cpu(lambda: [progress.update(*then, NOW) for _ in range(LOOKS)]) / LOOKS
    progress.finish(*then)
    return took


def page(search) -> float:
    """Give the CPU seconds of one report page."""
    job, trials = search
    report.render(*tpe_search(60), NOW)
    return cpu(lambda: report.render(job, trials, NOW))


def table() -> float:
    """Give the CPU seconds of the plain table."""
    search = tpe_search(TRIALS, 8)
    return cpu(lambda: print_results(Console(file=io.StringIO()), *search))


def judgement(rule) -> float:
    """Give the CPU seconds of one judgement among trials with curves, the first at its step."""
    job, trials = tpe_search(TRIALS, 8)
    records = [record_of(trial, job.spec.objective.metric) for trial in trials]
    view = StoppingView(search_of(job), rule, records)
    # Cut off at a rung of the halving rules, where they judge.
    curve = next(record for record in records if len(record.observations) > AT)
    chosen = replace(curve, observations=curve.observations[:AT])
    return cpu(lambda: view.should_stop(chosen))


def main() -> int:
    """Print the figures."""
    figures = {
        "one look, plain lines": (live(False), 0.005),
        "one look, terminal": (live(True), 0.01),
        "table, piped": (table(), 0.5),
        "report page, tpe": (page(tpe_search(TRIALS, 8)), 5.0),
        "report page, pbt 40 x 50": (page(pbt_search(40, 50)), 5.0),
        "judgement, median": (judgement(Median()), 0.01),
        "judgement, asha": (judgement(Asha()), 0.01),
    }
    for name, (took, bar) in figures.items():
        print(f"{name}: {took * 1000:.1f} ms of CPU (bar {bar * 1000:.0f} ms)")
    return int(any(took > bar for took, bar in figures.values()))


if __name__ == "__main__":
    sys.exit(main())
