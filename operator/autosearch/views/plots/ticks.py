"""Where an axis has its marks.

Owns: the marks of logarithmic axes. Plotly draws the exponents of its own ones larger than all other labels.
"""

import math

from autosearch.views.wording import number

_MOST = 6


def log_ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Give values and texts of the marks between two positive bounds: decades, or 1, 2 and 5 where they are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = [10.0**power for power in range(first, last + 1, max(1, math.ceil((last - first) / _MOST)))]
    values = _between(decades, low, high)
    if len(values) <= 2:  # noqa: PLR2004 - two decades alone do not show that the axis is logarithmic
        fine = [step * 10.0**power for power in range(first, last + 1) for step in (1, 2, 5)]
        values = _between(fine, low, high) or [low, high]
    return values, [number(value, 6) for value in values]


def _between(values: list[float], low: float, high: float) -> list[float]:
    # The logarithm of a bound may miss its decade by a rounding error.
    return [float(f"{value:.6g}") for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
