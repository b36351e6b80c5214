"""Say what the demo found and where it is, and check that it kept its promise.

    python examples/check_demo.py DIR

Exits with 1 if a model or a page is missing, or if Population Based Training's best model is no better than every
network of its first round: then handing weights on would have been for nothing.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def results(search: Path) -> dict[str, Any]:
    """Ask `autosearch results` for the objects of a search."""
    command = [sys.executable, "-m", "autosearch", "results", str(search), "--json"]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def complaints(search: Path, found: dict[str, Any]) -> list[str]:
    """Say which of the things that a search leaves are missing."""
    status = found["job"]["status"]
    missing = [] if status["state"] == "Complete" else [f"{search.name}: the search is {status['state']}"]
    model = search / "output" / status["best"]["modelPath"]
    missing += [] if any(model.iterdir()) else [f"{search.name}: no model in {model}"]
    page = search / "report.html"
    return missing + ([] if page.is_file() else [f"{search.name}: no page {page}"])


def first_round_best(found: dict[str, Any]) -> float:
    """Give the best value among the trials that inherited nothing."""
    return max(
        trial["status"]["value"]
        for trial in found["trials"]
        if trial["spec"]["round"] == 0 and trial["status"]["state"] == "Succeeded"
    )


def main() -> int:
    """Print both searches' outcomes and give the exit code."""
    root = Path(sys.argv[1])
    wrong: list[str] = []
    for name in ("bayesian", "pbt"):
        found = results(root / name)
        best = found["job"]["status"]["best"]
        wrong += complaints(root / name, found)
        print(f"{name:<9} best accuracy {best['value']:.4f}")
        print(f"          model   {root / name / 'output' / best['modelPath']}")
        print(f"          report  {root / name / 'report.html'}")
    start, end = first_round_best(found), best["value"]
    print(f"\nPBT: the best network of the first round had {start:.4f}, the best of all {end:.4f}")
    wrong += [] if end > start else ["pbt: no better than its first round"]
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
