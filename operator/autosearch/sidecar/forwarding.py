"""What goes on from the sidecar to the operator, and the operator's wish that a trial stops.

Owns: the thread that sends, what it sends next and when. The trial never waits for it: the newest report wins, and an
operator that cannot be reached delays nothing.

The answer to a script's progress report is the one to the last exchange that ended before it. As an observation is
judged only after its own exchange, each is sent once more soon after; so a script hears of a stop with its next report,
if that comes `REPEAT_SOON_SECONDS` later or more. Once a stop was heard of, it stays.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from autosearch.reporting.messages import Message, ProgressAnswer, ProgressReport
from autosearch.sidecar.faults import say
from autosearch.sidecar.settings import SidecarSettings

if TYPE_CHECKING:
    from autosearch.sidecar.connection import Answer, NotTakenError

PACE_SECONDS = 1.0
"""Least time from one observation's exchange to the next one's start."""
REPEAT_SOON_SECONDS = 2.0
REPEAT_SECONDS = 20.0
"""Time to the next repeat of what was taken: an operator that was started anew must hear of a final report."""
_FIRST_PAUSE, _LONGEST_PAUSE, _LONGEST_WISH = 1.0, 30.0, 300.0
_COMPLAIN_SECONDS = 60.0


class Forwarder:
    """Sends the newest report of one attempt, again and again; without a report server it does nothing."""

    def __init__(self, settings: SidecarSettings, token: str) -> None:
        """Take over an attempt.

        Args:
            settings: names the server and the attempt.
            token: path of the file with the token.
        """
        self._settings = settings
        self._token = token
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._newest: Message | None = None
        self._unsent = False
        self._due = 0.0
        self._paced_until = 0.0
        self._unwanted_until = 0.0
        self._closing = self._last_try = self._ended = False
        self._stop: ProgressAnswer | None = None
        self._failures = 0
        self._complained: float | None = None

    def progress(self, report: ProgressReport) -> ProgressAnswer:
        """Send an observation on when there is time, and give the answer of the last exchange; never blocks."""
        message: Message = {"type": "progress", "step": report.step, "metrics": report.metrics}
        with self._changed:
            # The trial's last checkpoint must not be lost with an observation that a newer one replaces.
            unsent = self._newest["checkpoint_path"] if self._newest and self._unsent else ""
            message["checkpoint_path"] = report.checkpoint_path or unsent
            self._put(message, self._paced_until)
            return self._stop or ProgressAnswer(accepted=True)

    def final(self, report: Message, reported: float) -> None:
        """Send the accepted report on at once, and again as long as this process lives.

        Args:
            report: as `FinalReport.to_dict` gives it.
            reported: when it was accepted, seconds since the epoch.
        """
        with self._changed:
            self._put({"type": "final", "report": report, "reported": reported}, self._unwanted_until)

    def close(self, seconds: float) -> None:
        """Send what is unsent once more, and wait for that at most so long."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            if self._unsent and self._thread is not None:
                self._changed.wait_for(lambda: self._ended, seconds)

    def _put(self, message: Message, due: float) -> None:
        if not self._settings.report_url:
            return
        self._newest = {**message, "trial": self._settings.trial_name, "attempt": self._settings.attempt_id}
        self._unsent, self._due = True, due
        if self._thread is None:
            # Most trials report once: what HTTPS takes in memory is loaded when it is needed.
            self._thread = threading.Thread(target=self._send_on, name="forwarding", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _send_on(self) -> None:
        from autosearch.sidecar.connection import Connection, NotTakenError  # noqa: PLC0415 - see `_put`

        connection = Connection(self._settings.report_url, self._settings.ca_certificate, self._token)
        while (message := self._next()) is not None:
            try:
                answer = connection.post(message)
            except NotTakenError as error:
                self._note_failure(message, error)
            else:
                self._note_answer(message, answer)
        connection.close()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _next(self) -> Message | None:
        """Wait until something is to be sent; None when all is over."""
        with self._changed:
            while not self._closing:
                seconds = self._due - time.monotonic()
                if seconds <= 0:
                    return self._newest
                self._changed.wait(seconds)
            if self._last_try or not self._unsent or time.monotonic() < self._unwanted_until:
                return None
            self._last_try = True
            return self._newest

    def _note_answer(self, sent: Message, answer: Answer) -> None:
        now = time.monotonic()
        with self._changed:
            if answer.stop and self._stop is None:
                say(f"the trial is asked to stop: {answer.reason}")
                self._stop = ProgressAnswer(accepted=True, stop=True, message=answer.reason or "stop")
            soon = self._unsent and sent["type"] == "progress"
            self._paced_until = now + PACE_SECONDS
            if self._newest is sent:
                self._unsent, self._due = False, now + (REPEAT_SOON_SECONDS if soon else REPEAT_SECONDS)
            else:
                self._hold_progress()
        if self._complained is not None:
            say("the operator takes reports again")
        self._failures, self._complained = 0, None

    def _note_failure(self, sent: Message, error: NotTakenError) -> None:
        now = time.monotonic()
        pause = min(_FIRST_PAUSE * 2**self._failures, _LONGEST_PAUSE)
        # Spread, so that a thousand sidecars do not come back to a restarted operator in one moment.
        pause *= 0.75 + os.urandom(1)[0] / 512
        self._failures = min(self._failures + 1, 10)
        with self._changed:
            if error.retry_after:
                self._unwanted_until = now + min(error.retry_after, _LONGEST_WISH)
            self._paced_until = max(now + pause, self._unwanted_until)
            if self._newest is sent:
                self._due = self._paced_until
            else:
                self._hold_progress()
        if self._complained is None or now - self._complained >= _COMPLAIN_SECONDS:
            self._complained = now
            say(f"the operator does not take reports, the trial goes on: {error}")

    def _hold_progress(self) -> None:
        """Let what came during an exchange wait for its turn, unless it is a final report."""
        if self._newest is not None and self._newest["type"] == "progress":
            self._due = self._paced_until
