"""The form that all plots share, and how values become colours and hover texts.

Owns: `Figure`, the scale of values, and escaping. It draws nothing itself.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any, Literal

from autosearch.api.trial import Trial
from autosearch.views.standing import Standing
from autosearch.views.wording import NOTHING, STATE_WORDS, number, short, why

Json = dict[str, Any]
Width = Literal["full", "wide", "narrow", "small"]
SEPARATOR = None
_HOVER_PARAMETERS = 12


@dataclass(frozen=True)
class Figure:
    """One plot, or the reason why there is none.

    Attributes:
        key: identity in the page.
        note: a sentence above the plot that says how to read it.
        absent: why there is nothing to draw; empty if there is.
        height: in CSS pixels.
        min_width: below this many CSS pixels the plot scrolls sideways instead of shrinking.
        width: share of a row on a wide screen.
        variant: name of this form, where the plot has several to choose from.
        others: the other forms.
    """

    key: str
    title: str
    note: str = ""
    data: Sequence[Json] = ()
    layout: Json = field(default_factory=dict)
    absent: str = ""
    height: int = 360
    min_width: int = 0
    width: Width = "full"
    variant: str = ""
    others: Sequence["Figure"] = ()

    def drawing(self) -> Json:
        """Give what the page's script needs to draw it."""
        forms = [self, *self.others]
        return {
            "key": self.key,
            "forms": [
                {
                    "name": f.variant,
                    "data": list(f.data),
                    "layout": f.layout,
                    "height": f.height,
                    "minWidth": f.min_width,
                }
                for f in forms
            ],
        }


@dataclass(frozen=True)
class ValueScale:
    """Maps objective values to [0, 1], 1 the best, so that a few outliers do not flatten all differences.

    Attributes:
        values: the values that it must tell apart.
        focused: tell the better half apart best, at the expense of the worst.
    """

    values: Sequence[float]
    maximize: bool
    focused: bool = False

    @cached_property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value drawn; outliers on the bad side lie outside."""
        if not self.values:
            return (0.0, 1.0)
        good = sorted(v if self.maximize else -v for v in self.values)
        best, tenth = good[-1], good[len(good) // 10]
        floor = max(good[0], tenth - 0.75 * (best - tenth)) if best > tenth else good[0]
        if self.focused:
            middle = good[len(good) // 2]
            floor = max(floor, best - 5 * (best - middle)) if best > middle else floor
        if not math.isfinite(floor):
            floor = good[0]
        return (floor, best) if self.maximize else (-best, -floor)

    @property
    def outside(self) -> int:
        """How many values lie outside of the bounds."""
        low, high = self.bounds
        return sum(not low <= value <= high for value in self.values)

    def unit(self, value: float) -> float:
        """Give the place of a value: 0 for the bounds' bad end and beyond, 1 for the best."""
        low, high = self.bounds
        # Quarters, because the distance of the two largest floats of either sign is infinite.
        span = high / 4 - low / 4
        place = (value / 4 - low / 4) / span if span > 0 else 1.0
        place = min(max(place, 0.0), 1.0)
        return place if self.maximize or span <= 0 else 1.0 - place

    def padded(self, room: float = 0.06) -> list[float]:
        """Give the range of an axis that shows the bounds with some room at either end."""
        low, high = self.bounds
        pad = (high - low) * room
        if not math.isfinite(pad):
            return [low, high]
        pad = pad or abs(high) * room or 1.0
        return [low - pad, high + pad]

    def colours(self) -> Json:
        """Give the colour axis of a trace whose `color` is the value itself."""
        low, high = self.bounds
        spread = high > low
        return {
            "colorscale": "$scale",
            "reversescale": not self.maximize,
            "cmin": low if spread else low - 1,
            "cmax": high if spread else high + 1,
        }

    def bar(self, title: str) -> Json:
        """Give the legend of the colours."""
        return {
            "title": {"text": label(title), "side": "right", "font": {"size": 11}},
            "thickness": 8,
            "outlinewidth": 0,
            "len": 0.9,
            "nticks": 5,
            "tickfont": {"size": 10},
        }


def scale_of(standing: Standing, *, focused: bool = False) -> ValueScale:
    """Give the scale of all succeeded trials' values."""
    values = [trial.status.value for trial in standing.ranked if trial.status.value is not None]
    return ValueScale(values, standing.maximize, focused)


def label(text: str, longest: int = 40) -> str:
    """Make a user's text safe for plotly's labels, and short enough to be one."""
    return escape(text if len(text) <= longest else text[: longest - 1] + "…", quote=False)


def plotted(value: float) -> float:
    """Round a number for drawing: six digits are more than a screen shows, and keep the page small."""
    return float(f"{value:.6g}")


def hover(standing: Standing, trial: Trial, *more: str) -> str:
    """Give the text that appears beside a trial: who it is, its value, its parameters, and why it ended if not well."""
    head = f"<b>trial {trial.spec.trial_id}</b> · {STATE_WORDS[trial.status.state]}"
    value = f"{label(standing.job.spec.objective.metric)} = <b>{number(trial.status.value)}</b>"
    lines = [head, value if trial.status.value is not None else "", *more, label(why(trial), 90)]
    parameters = standing.job.spec.parameters
    for parameter in parameters[:_HOVER_PARAMETERS]:
        text = short(parameter, trial.spec.parameters.get(parameter.name)) or NOTHING
        lines.append(f"{label(parameter.name)} = {label(text)}")
    if len(parameters) > _HOVER_PARAMETERS:
        lines.append(f"… and {len(parameters) - _HOVER_PARAMETERS} more")
    return "<br>".join(line for line in lines if line)


def sample(trials: Sequence[Trial], most: int) -> list[Trial]:
    """Thin out trials that are sorted best first: half of what is left are the best, half an even draw of the rest."""
    if len(trials) <= most:
        return list(trials)
    head, rest = most // 2, most - most // 2
    tail = trials[head:]
    return [*trials[:head], *(tail[i * len(tail) // rest] for i in range(rest))]
