"""One line to the process beside the trial, one line back.

Owns the connection, its retries, and turning a script's values into JSON. It must never judge a report
(the reader does), nor import anything but the standard library; the syntax is Python 3.6's.
"""

import json
import os
import socket
import time

LINE_BYTES = 64 * 1024
_TRY_SECONDS = 10.0
_PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0)


class ReportError(Exception):
    """A report that could not be made; the text is for the script's author."""


def reason(error):
    """Return why a report failed, as the message of a refusal."""
    if isinstance(error, ReportError):
        return str(error)
    return "the report could not be made: {}: {}".format(type(error).__name__, error)


def report(request, patience):
    """Send a request and return the decoded reply; without AutoSearch around the script, print it.

    Args:
        request: what to send; the working directory is added.
        patience: seconds in all for a reader that is not there or loses replies, unless the environment says.

    Raises:
        ReportError: if the request is too long or nobody answered in time.
    """
    request["cwd"] = _working_directory()
    line = json.dumps(request)
    place = os.environ.get("AUTOSEARCH_SOCKET", "")
    if not place:
        print("AutoSearch does not run this script; it would report: " + line, flush=True)
        return {"accepted": True, "stop": False, "message": "not run by AutoSearch: printed, not sent"}
    if len(line) >= LINE_BYTES:
        text = "the report has {} bytes, at most {} are read: use fewer metrics"
        raise ReportError(text.format(len(line), LINE_BYTES))
    return _ask_until_answered(place, line.encode("ascii") + b"\n", _patience(patience))


def _ask_until_answered(place, line, patience):
    # A repeat is harmless, the reader answers it as it did the first time: so a lost reply is asked for again.
    end = time.monotonic() + patience
    pauses = iter(_PAUSES)
    while True:
        try:
            return _ask(place, line, min(_TRY_SECONDS, max(end - time.monotonic(), 0.05)))
        except (OSError, TypeError, ValueError) as error:
            pause = next(pauses, _PAUSES[-1])
            if time.monotonic() + pause >= end:
                text = "nobody took the report at {} within {:g} s ({})"
                raise ReportError(text.format(place, patience, error)) from None
        time.sleep(pause)


def _ask(place, line, seconds):
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.settimeout(seconds)
        link.connect(place)
        link.sendall(line)
        with link.makefile("rb") as replies:
            reply = replies.readline(LINE_BYTES)
    finally:
        link.close()
    if not reply.endswith(b"\n"):
        raise OSError("the reply was lost")
    return dict(json.loads(reply.decode("utf-8")))


def _patience(seconds):
    try:
        said = float(os.environ["AUTOSEARCH_REPORT_TIMEOUT"])
    except (KeyError, ValueError):
        return seconds
    return said if said >= 0 else seconds  # so is NaN, with which no wait would end


def _working_directory():
    try:
        return os.getcwd()
    except OSError:
        return ""


def path(value):
    """Return a path as text; None is "", ``pathlib`` paths are read."""
    return "" if value is None else os.fspath(value)


def numbers(field, values):
    """Return a dict with the values as plain numbers.

    Raises:
        ReportError: if it is no dict, or a value is not one number.
    """
    if not isinstance(values, dict):
        text = "{}: found {}, write a dict such as {{'acc': 0.93}}"
        raise ReportError(text.format(field, type(values).__name__))
    return {str(name): _number("{} {!r}".format(field, str(name)), value) for name, value in values.items()}


def whole(step):
    """Return a step as an int where it is a whole number, else as it is: the reader says what is wrong."""
    value = _number("step", step)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _number(field, value):
    """Return a float for whatever holds one number; text, None and booleans stay, for the reader to refuse."""
    try:
        # numpy, torch and paddle: the one element as Python's own kind, whatever the shape around it.
        value = value.item() if callable(getattr(value, "item", None)) else value
        return value if value is None or isinstance(value, (bool, str)) else float(value)
    except Exception as error:
        text = "{}: found {}, which is not one number ({}): write float(value)"
        raise ReportError(text.format(field, type(value).__name__, error)) from None
