"""Small versions of the PBT benchmarks: the bars of the toy and of asynchronous against synchronous rounds."""

import importlib.util
import statistics
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def load(name):
    """Load a benchmark, which is a script and no package."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("mode", ["Asynchronous", "Synchronous"])
def test_toy(mode):
    """On the paper's toy PBT reaches 1.18 in the median, where the best fixed setting ends at 0.39."""
    toy = load("pbt_toy")
    assert toy.grid_q() == pytest.approx(0.39, abs=0.005)
    assert statistics.median(toy.best_q(seed=seed, mode=mode) for seed in range(15)) >= 1.18


def test_no_barrier_wastes_less():
    """Without the barrier at least three quarters of the slots' time are busy, and the search ends a quarter sooner."""
    bench = load("pbt_async")
    busy, barred, ratio = bench.compare(range(5))
    assert busy >= bench.BUSY_BAR and busy > barred
    assert ratio <= bench.MAKESPAN_BAR


@pytest.mark.parametrize("name", ["pbt_toy", "pbt_async"])
def test_the_benchmark_scripts_pass(name, capsys):
    """Each benchmark prints its figures beside the bars and exits 0."""
    assert load(name).main() == 0
    assert "bar: >=" in capsys.readouterr().out
