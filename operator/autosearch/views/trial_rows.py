"""The report's table of trials: its columns and cells as data, drawn, sorted and filtered by the page.

Owns: which columns there are, and by what each is sorted.
"""

from typing import Any

from autosearch.api.parameters import Categorical, Parameter
from autosearch.api.trial import Trial
from autosearch.views.plots.ancestry import Ancestry, is_population
from autosearch.views.standing import Standing
from autosearch.views.wording import NOTHING, STATE_WORDS, clock, exact, number, run_seconds, short, why

Json = dict[str, Any]


def rows(standing: Standing) -> Json:
    """Give columns and rows; a cell has a `text`, a `key` to sort by and, where rounded, its `exact` form."""
    return {"columns": _columns(standing), "rows": _rows(standing)}


def table_html(standing: Standing) -> str:
    """Give the place of the table with its filter."""
    present = [state for state in STATE_WORDS if standing.counts.get(state)]
    options = "".join(f'<option value="{state}">{STATE_WORDS[state]}</option>' for state in present)
    return (
        '<section class="card" id="trials"><div class="bar"><h2>Trials</h2><div class="tools">'
        '<input id="filter" type="search" placeholder="Filter: 0-12, adam, memory …" aria-label="Filter the trials">'
        f'<select id="state" aria-label="State"><option value="">all states</option>{options}</select></div></div>'
        '<div class="scroll"><table id="trials-table"><thead><tr></tr></thead><tbody></tbody></table></div>'
        '<div class="more"><span id="count"></span><button id="all" type="button" hidden>Show all</button></div>'
        "</section>"
    )


def _columns(standing: Standing) -> list[Json]:
    kinds = [("rank", "n"), ("trial", ""), ("state", "st"), (standing.job.spec.objective.metric, "n")]
    if is_population(standing):
        kinds.append(("weights", ""))
    kinds += [(parameter.name, "p") for parameter in standing.job.spec.parameters]
    kinds += [("attempts", "n"), ("time", "n"), ("reason", "reason")]
    return [{"title": title, "kind": kind} for title, kind in kinds]


def _rows(standing: Standing) -> list[Json]:
    ancestry = Ancestry(standing) if is_population(standing) else None
    return [_row(standing, ancestry, rank, trial) for rank, trial in enumerate(standing.in_order, 1)]


def _row(standing: Standing, ancestry: Ancestry | None, rank: int, trial: Trial) -> Json:
    ranked, status = rank <= len(standing.ranked), trial.status
    seconds = run_seconds(trial, standing.now)
    cells = [
        _cell(str(rank) if ranked else "", rank if ranked else None),
        _cell(trial.spec.trial_id, trial.spec.number),
        _cell(STATE_WORDS[status.state], status.state),
        _cell(number(status.value), status.value),
        *([_cell(_weights(ancestry, trial), _weights(ancestry, trial))] if ancestry else []),
        *(_parameter_cell(parameter, trial) for parameter in standing.job.spec.parameters),
        _cell(str(status.attempt_count), status.attempt_count),
        _cell(NOTHING if seconds is None else clock(seconds), None if seconds is None else round(seconds, 1)),
        _cell(reason := why(trial), reason or None),
    ]
    return {"cells": cells, "state": status.state, "best": trial is standing.best}


def _cell(text: str, key: Any) -> Json:
    # The page takes the text as key where there is none: thousands of rows are smaller for it.
    return {"text": text} if key == text else {"text": text, "key": key}


def _parameter_cell(parameter: Parameter, trial: Trial) -> Json:
    value = trial.spec.parameters.get(parameter.name)
    cell = _cell(short(parameter, value), str(value) if isinstance(value, bool) else value)
    whole = exact(parameter, value)
    return cell if whole == cell["text"] and not isinstance(parameter.domain, Categorical) else cell | {"exact": whole}


def _weights(ancestry: Ancestry, trial: Trial) -> str:
    parent = ancestry.parent(trial)
    if parent is None:
        return "new"
    return f"own, {parent.spec.trial_id}" if parent.spec.member == trial.spec.member else f"from {parent.spec.trial_id}"
