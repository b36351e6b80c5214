"""Where a sidecar finds and leaves things.

Owns: the paths of `settings`, below a root that tests may choose. It touches none of them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from autosearch.sidecar import settings


@dataclass(frozen=True)
class Places:
    """The paths of one sidecar, as `settings` explains them."""

    socket: str = settings.SOCKET
    ready: str = settings.READY
    python: str = settings.PYTHON
    result: str = settings.RESULT
    state: str = settings.STATE
    code: str = settings.CODE
    work: str = settings.WORK
    output: str = settings.OUTPUT
    token: str = settings.TOKEN
    termination_log: str = settings.TERMINATION_LOG

    @classmethod
    def below(cls, root: str) -> Places:
        """Give the same places below a folder; "" is the pod's own root."""
        return cls(**{name: f"{root.rstrip('/')}{path}" for name, path in asdict(cls()).items()})
