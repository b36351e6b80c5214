"""The verdict on one attempt, where it survives: the sidecar's own folder and its termination message.

Owns: both files, and the order in which they are written. What the verdict says is the desk's.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from autosearch.reporting.messages import FinalReport, Refused
from autosearch.sidecar.faults import in_words, say
from autosearch.sidecar.places import Places
from autosearch.sidecar.settings import Verdict


class Keeping:
    """Keeps the verdict of one attempt.

    Attributes:
        verdict: as it stands; what an earlier process of this attempt left, if there was one.
    """

    def __init__(self, places: Places) -> None:
        """Read what was left; an unreadable verdict counts as none."""
        self._folder = Path(places.state)
        self._file = self._folder / "verdict.json"
        self._message = places.termination_log
        self.verdict = _read(self._file)

    @property
    def accepted(self) -> FinalReport | None:
        """The accepted report, if there is one."""
        return None if self.verdict.report is None else FinalReport.from_dict(self.verdict.report)

    def keep(self, report: FinalReport) -> None:
        """Keep an accepted report; it is on the disk when this returns.

        Raises:
            OSError: if it cannot be kept; then nothing counts as accepted.
        """
        verdict = Verdict(report=report.to_dict(), reported=round(time.time(), 3))
        self._store(verdict)
        self.verdict = verdict
        self.publish()

    def refuse(self, reason: str, *, diverged: bool) -> None:
        """Keep why the last final report was refused."""
        self.verdict = Verdict(refusal=reason, diverged=diverged)
        try:
            self._store(self.verdict)
        except OSError as error:
            say(f"the refusal is not kept over a restart: {in_words(error)}")
        self.publish()

    def publish(self) -> None:
        """Write the verdict to the termination message."""
        write_message(self._message, self.verdict)

    def _store(self, verdict: Verdict) -> None:
        beside = self._file.with_suffix(".new")
        with beside.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(verdict.to_json())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._file)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_message(path: str, verdict: Verdict) -> None:
    """Write a termination message; that it cannot be written is said in the log, for there is nothing better to do."""
    try:
        # The kubelet mounts this very file: it is written in its place, and no other can be put there.
        with Path(path).open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(verdict.to_json())
    except OSError as error:
        say(f"the verdict is not in the termination message: {in_words(error)}")


def _read(file: Path) -> Verdict:
    try:
        found = Verdict.from_json(file.read_text(encoding="utf-8"))
        if found is None:
            raise Refused(f"{file}: it is not a verdict")
        if found.report is not None:
            FinalReport.from_dict(found.report)
    except FileNotFoundError:
        return Verdict()
    except (OSError, ValueError) as error:
        say(f"what an earlier process kept is lost: {error}")
        return Verdict()
    return found
