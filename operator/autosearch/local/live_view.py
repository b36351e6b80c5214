"""What a running search shows to whoever watches, and how often.

Owns: the form and the pace of it. It draws nothing.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial
from autosearch.engine.snapshot import Run

_AT_MOST_EVERY = 0.25
_AT_LEAST_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class LiveView:
    """A search at one moment.

    Attributes:
        job: with its status.
        trials: by name.
        runs: those that are alive.
        now: when this was true.
        draining: nothing new is started, because somebody wants an end.
        notice: one line about what a local run ignores of the job; "" for nothing.
        over: this is the last view.
    """

    job: AutoSearchJob
    trials: Mapping[str, Trial]
    runs: tuple[Run, ...]
    now: datetime
    draining: bool
    notice: str
    over: bool = False


Listener = Callable[[LiveView], None]


class Pace:
    """When the listener is shown the next view: soon after a change, and from time to time without one."""

    def __init__(self) -> None:
        self._shown = 0.0
        self._changed = True

    def note_change(self) -> None:
        """There is something new to see."""
        self._changed = True

    @property
    def due(self) -> float:
        """When the next view is due, on the clock of `time.monotonic`."""
        return self._shown + (_AT_MOST_EVERY if self._changed else _AT_LEAST_EVERY)

    def note_shown(self) -> None:
        """A view was just shown."""
        self._shown, self._changed = time.monotonic(), False
