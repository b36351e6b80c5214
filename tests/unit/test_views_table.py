"""Promises of the result table."""

import io

import pytest
from rich.console import Console
from tests.unit.view_samples import failed_search, pbt_search, tpe_search

from autosearch.views.standing import Standing
from autosearch.views.table import plain_table, print_results


def printed(job, trials, **options):
    """Print the results and give the text."""
    console = Console(file=io.StringIO(), **options)
    print_results(console, job, trials)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def search():
    """A finished search of 60 trials."""
    return tpe_search()


def test_plain_output_has_every_trial_on_a_line_of_its_own(search):
    """Outside of a terminal nothing is cut off or folded: a header, a line for each trial, the summary."""
    lines = printed(*search, width=80).splitlines()
    assert lines[0].split() == ["RANK", "TRIAL", "STATE", "VALUE", "PARAMETERS", "ATTEMPTS", "TIME", "REASON"]
    assert [line.split()[0] for line in lines[1:50]][:3] == ["1*", "2", "3"]
    assert len([line for line in lines if "use_bn=" in line and not line.startswith("best")]) == 60
    assert "\x1b" not in "".join(lines)


def test_the_best_comes_first_and_failures_last_with_their_reasons(search):
    """Succeeded trials are ranked by value; the others follow with why they ended."""
    job, trials = search
    rows = plain_table(Standing(job, trials))[1:]
    values = [float(row.split()[3]) for row in rows[:49]]
    assert values == sorted(values, reverse=True)
    assert any("failed" in row and "CUDA out of memory" in row for row in rows[49:])
    assert any("out of memory" in row and "0-41" in row for row in rows[49:])


def test_minimize_ranks_the_lowest_first(search):
    """With `Minimize` the lowest value has rank 1."""
    job, trials = search
    objective = job.spec.objective.replace(direction="Minimize")
    job = job.replace(spec=job.spec.replace(objective=objective), status=job.status.replace(best=None))
    standing = Standing(job, trials)
    assert standing.best is not None
    assert standing.best.status.value == min(t.status.value for t in trials if t.status.state == "Succeeded")


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal(search, width):
    """At any usual width the table fits, with the best trial marked."""
    text = printed(*search, width=width, force_terminal=True, no_color=True, color_system=None)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "1 ★" in text


def test_a_wide_terminal_gives_each_parameter_its_column(search):
    """Where they fit, parameters are columns; on 80 columns they share one."""
    wide = printed(*search, width=160, force_terminal=True, color_system=None)
    narrow = printed(*search, width=80, force_terminal=True, color_system=None)
    assert "lr=" not in wide.split("cifar-tpe:")[0]
    assert "lr=" in narrow.split("cifar-tpe:")[0]


def test_the_summary_says_how_it_ended_and_where_the_model_is(search):
    """Beneath the table stand state, reason, best trial, model and usage."""
    text = printed(*search, width=80)
    for part in ("cifar-tpe: Complete (AllTrialsFinished)", "best    acc 0.96454 in trial 0-43", "1 h 21 min"):
        assert part in text
    assert "pvc://results/team-a/cifar-tpe-3f9c2a7e/0-43" in text


def test_a_search_without_trials_has_a_table_and_a_summary():
    """Nothing to show is no error."""
    job, _ = pbt_search()
    bare = job.replace(status=job.status.replace(best=None))
    for options in ({}, {"force_terminal": True, "width": 80}):
        assert "best    no trial has succeeded\n" in printed(bare, [], **options)


def test_failures_name_their_logs_and_the_summary_quotes_the_last_line():
    """Each failed trial's row names the log file; of a traceback the summary has the last line alone."""
    text = printed(*failed_search(), width=80)
    rows = [line for line in text.splitlines() if "CUDA out of memory" in line and "use_bn=" in line]
    assert len(rows) == 6
    assert all(f"(log: logs/0-{number}.log)" in row for number, row in enumerate(rows))
    assert "exit code 1\n        RuntimeError: CUDA out of memory" in text
    assert "Traceback" not in text
    assert "log     logs/0-5.log of trial 0-5, which failed last" in text


def test_a_terminal_gets_a_readable_number_of_rows():
    """Of two thousand trials a terminal shows the best hundred and says how many there are."""
    job, trials = tpe_search(300)
    text = printed(job, trials, width=120, force_terminal=True, color_system=None)
    assert "and 200 more trials" in text


def test_a_pipe_gets_every_trial():
    """Plain output holds all of 2,000 trials, a line each."""
    job, trials = tpe_search(2000, 8)
    assert len(printed(job, trials).splitlines()) > 2000


def test_markup_in_a_value_is_printed_as_it_is():
    """Square brackets of a user's strings are no markup."""
    job, trials = pbt_search()
    evil = trials[0].replace(spec=trials[0].spec.replace(parameters=trials[0].spec.parameters | {"augment": "[red]x"}))
    text = printed(job, [evil, *trials[1:]], width=160, force_terminal=True, color_system=None)
    assert "[red]x" in text
