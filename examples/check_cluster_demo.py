"""Say what the demo on a cluster found, and check it with the models themselves.

    python examples/check_cluster_demo.py DIR NAMESPACE

Each pulled model reads the held-out digits here; it must do so as well as its trial reported from its pod. Exits with 1
if it does not, if a page is missing, or if Population Based Training handed weights on for nothing.
"""

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from check_demo import first_round_best

sys.path.insert(0, str(Path(__file__).parent / "pbt-digits"))
import network

CLOSE = 0.002
"""One digit of the 450 read otherwise, by another machine's arithmetic, is no fault."""


def results(name: str, namespace: str) -> dict[str, Any]:
    """Ask for a search's objects."""
    command = [sys.executable, "-m", "autosearch", "results", name, "-n", namespace, "--json"]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def support_vectors_accuracy(folder: Path, x: np.ndarray, y: np.ndarray) -> float:
    """Let the scikit-learn model read the digits."""
    with (folder / "clf.pickle").open("rb") as file:
        return float(pickle.load(file).score(x, y))


def network_accuracy(folder: Path, x: np.ndarray, y: np.ndarray) -> float:
    """Let the neural network read the digits."""
    return network.accuracy(network.restore(str(folder / "model.pkl")), x, y)


def complaints(root: Path, name: str, found: dict[str, Any], measured: float) -> list[str]:
    """Say what is not as it should be."""
    status = found["job"]["status"]
    wrong = [] if status["state"] == "Complete" else [f"{name}: the search is {status['state']}"]
    if abs(measured - status["best"]["value"]) > CLOSE:
        wrong.append(f"{name}: the model has {measured:.4f} here, its trial reported {status['best']['value']:.4f}")
    return wrong if (root / f"{name}.html").is_file() else [*wrong, f"{name}: no page {root / name}.html"]


def main() -> int:
    """Print both searches' outcomes and give the exit code."""
    root, namespace = Path(sys.argv[1]), sys.argv[2]
    with np.load(root / "data" / "digits" / "test" / "digits.npz") as data:
        x, y = data["x"], data["y"]
    wrong: list[str] = []
    for name, measure in (("sklearn-digits", support_vectors_accuracy), ("pbt-digits", network_accuracy)):
        found, measured = results(name, namespace), measure(root / name, x, y)
        best = found["job"]["status"]["best"]
        wrong += complaints(root, name, found, measured)
        print(f"{name:<15} reported {best['value']:.4f} by trial {best['trialName']}; the model here: {measured:.4f}")
        print(f"                model   {root / name}\n                report  {root / name}.html")
    start, end = first_round_best(found), best["value"]
    print(f"\nPBT: the best network of the first round had {start:.4f}, the best of all {end:.4f}")
    wrong += [] if end > start else ["pbt-digits: no better than its first round"]
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
