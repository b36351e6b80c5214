"""Which GPU each slot gets.

Owns: the list of visible GPUs and the free slots. It never talks to a driver: what neither the environment names nor is
there as a device file does not count.
"""

import heapq
import os
import re
from collections.abc import Mapping
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
_DEVICE = re.compile(r"nvidia[0-9]+")


def visible_gpus(environ: Mapping[str, str] = os.environ, devices: Path = Path("/dev")) -> list[str]:
    """Give the GPUs that trials may use, as `CUDA_VISIBLE_DEVICES` names them; empty when there are none."""
    listed = environ.get(VISIBLE)
    if listed is not None:
        names = [name.strip() for name in listed.split(",")]
        # What follows the first invalid entry is invisible to CUDA.
        end = next((i for i, name in enumerate(names) if not name or name.startswith("-")), len(names))
        return names[:end]
    return [str(i) for i in range(sum(1 for entry in devices.iterdir() if _DEVICE.fullmatch(entry.name)))]


class Slots:
    """Numbers for what runs side by side: the lowest free one is taken, so that GPUs are used evenly."""

    def __init__(self, gpus: list[str]) -> None:
        self._gpus = gpus
        self._freed: list[int] = []
        self._next = 0

    @property
    def gpus_each(self) -> int:
        """GPUs that each slot holds."""
        return 1 if self._gpus else 0

    def take(self) -> int:
        """Take a slot."""
        if self._freed:
            return heapq.heappop(self._freed)
        self._next += 1
        return self._next - 1

    def free(self, slot: int) -> None:
        """Give a slot back."""
        heapq.heappush(self._freed, slot)

    def environment(self, slot: int) -> dict[str, str]:
        """Give the variables that point a slot's process to its GPU; empty where there is no choice."""
        return {VISIBLE: self._gpus[slot % len(self._gpus)]} if len(self._gpus) > 1 else {}
