"""Curves between two points of a plot.

Owns: the shape of inheritance arrows: they leave to the right and arrive from the left, whatever lies between.
"""

from collections.abc import Sequence

Point = tuple[float, float]
Points = list[Point]
_STEPS = 16


def curve(start: Point, end: Point, bend: float) -> Points:
    """Sample a cubic Bézier curve with level ends.

    Args:
        bend: how far the control points lie from the ends, in units of the horizontal axis.
    """
    return _sampled(start, (start[0] + bend, start[1]), (end[0] - bend, end[1]), end)


def between(start: Point, end: Point) -> Points:
    """Sample the arrow between two nodes of a grid with columns of width 1 and rows of height 1.

    Forwards it is a level curve. Within a column it bows to the right, around the nodes in between. Backwards, to a
    member that is behind its parent, it leaves and arrives upright, so that it crosses the lanes at a steep angle.
    """
    (x0, y0), (x1, y1) = start, end
    if x1 > x0:
        return curve(start, end, bend=0.5 * (x1 - x0))
    if x1 == x0:
        return _sampled(start, (x0 + 0.42, y0), (x1 + 0.42, y1), end)
    lift = 0.75 if y1 > y0 else -0.75
    return _sampled(start, (x0, y0 + lift), (x1, y1 - lift), end)


def _sampled(*control: Point) -> Points:
    return [_at(control, i / _STEPS) for i in range(_STEPS + 1)]


def _at(control: Sequence[Point], t: float) -> Point:
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
    x, y = (sum(w * point[axis] for w, point in zip(weights, control, strict=True)) for axis in (0, 1))
    return (round(x, 4), round(y, 4))
