"""What `push` and `pull` say of how far they are."""

import sys

import pytest

from autosearch.cli.transfer_progress import Progress, in_bytes


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_234_567, "1.2 MB"), (5 * 10**12, "5.0 TB")]
)
def test_bytes_are_written_for_people(count, text):
    """In the unit in which the number is short."""
    assert in_bytes(count) == text


def test_a_file_gets_a_line_for_each_quarter(capsys):
    """Where nobody watches, as in CI, a long transfer is five lines."""
    progress = Progress("sent")
    for done in range(1001):
        progress.show(done, 1000)
    progress.end()

    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1].split(",")[0] for line in lines] == ["0 %", "25 %", "50 %", "75 %", "100 %"]


def test_a_terminal_gets_one_line_that_changes(capsys, monkeypatch):
    """A note does not run into that line, and nothing is left half-written at the end."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress = Progress("fetched")
    progress.show(1000, 1000)
    progress.note("the pod waits")
    progress.show(0, 0)
    progress.end()
    progress.end()

    assert capsys.readouterr().err == (
        "\r\033[Kfetched 1.0 kB of 1.0 kB: 100 %\nnote: the pod waits\n\r\033[Kfetched 0 B of 0 B: 100 %\n"
    )
