"""Refuse a test run that leaves too many branches of the core untried.

    python tools/coverage_gate.py

Reads the figures of the last `make test` (`.coverage`), prints them by package, and exits with 1 below the bar.
"""

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

import coverage

BAR = 95.0
GATED = ("api", "engine", "reporting", "search")


def measured() -> dict[str, Counter[str]]:
    """Sum statements and branches by package of autosearch."""
    data = coverage.Coverage()
    data.load()
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        data.json_report(outfile=file.name)
        files = json.loads(Path(file.name).read_text(encoding="utf-8"))["files"]
    packages: dict[str, Counter[str]] = {}
    for name, figures in files.items():
        _, _, inside = name.partition("autosearch/")
        package = inside.split("/")[0] if "/" in inside else "(top)"
        packages.setdefault(package, Counter()).update(
            {key: value for key, value in figures["summary"].items() if key in KEYS}
        )
    return packages


KEYS = ("num_statements", "covered_lines", "num_branches", "covered_branches")


def share(found: int, of: int) -> float:
    """Give percent; of nothing, all is covered."""
    return 100.0 * found / of if of else 100.0


def main() -> int:
    """Print a table and give the exit code."""
    packages = measured()
    low = [name for name in GATED if name not in packages]
    print(f"{'package':<12}{'lines %':>9}{'branches %':>12}")
    for name, sums in sorted(packages.items()):
        branches = share(sums["covered_branches"], sums["num_branches"])
        bad = name in GATED and branches < BAR
        low += [name] * bad
        note = f"  below {BAR:g}" if bad else "" if name in GATED else "  not gated"
        print(f"{name:<12}{share(sums['covered_lines'], sums['num_statements']):>9.1f}{branches:>12.1f}{note}")
    if low:
        print(f"coverage gate: {', '.join(low)}: fewer than {BAR:g} % of the branches were tried", file=sys.stderr)
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
