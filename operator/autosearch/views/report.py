"""The report: one HTML page that says everything about a search and needs nothing but a browser.

Owns: what the page consists of, and how it is written to disk. It loads nothing from the network; its security policy
forbids it.
"""

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from autosearch import __version__
from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial
from autosearch.views import failures, sections, trial_rows
from autosearch.views.plots import curves, history, importance, lineage, parallel, schedule, timeline
from autosearch.views.plots.ancestry import is_population
from autosearch.views.plots.figure import Figure
from autosearch.views.standing import Standing
from autosearch.views.wording import moment

_ORDER: tuple[Callable[[Standing], Figure], ...] = (
    history.figure,
    importance.figure,
    parallel.figure,
    curves.figure,
    timeline.figure,
)
_NAMES = {"lineage": "Lineage", "history": "History", "importance": "Importance", "parallel": "Parameters"}
_NAMES |= {"curves": "Curves", "timeline": "Timeline"}


def write_report(job: AutoSearchJob, trials: Sequence[Trial], path: Path, *, now: datetime | None = None) -> Path:
    """Write the report; a reader sees the old page or the new one, never a half of it.

    Args:
        trials: all of the job's trials, in any order.
        path: the HTML file; its directory is made if it is missing.
        now: until when running attempts are counted; the present when absent.

    Returns:
        The path.

    Raises:
        OSError: the file cannot be written.
    """
    page = render(job, trials, now or datetime.now(UTC), path.parent.resolve())
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(page)
        # mkstemp's file is private; a report is read by others, as any other file of the user.
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def render(job: AutoSearchJob, trials: Sequence[Trial], now: datetime, folder: Path | None = None) -> str:
    """Give the page as text.

    Args:
        trials: all of the job's trials, in any order.
        now: until when running attempts are counted, and the page's date; timezone-aware.
        folder: where the page will lie, absolute; paths below it are shown relative to it.
    """
    from plotly.offline import get_plotlyjs

    standing = Standing(job, trials, job.status.completion_time or now)
    figures = plots(standing)
    small = schedule.figures(standing) if is_population(standing) else []
    there = [figure for figure in figures if not figure.absent]
    failed, first = failures.failures(standing), failures.decisive(standing)
    return Template(_part("page.html")).substitute(
        title=escape(f"{job.name}: AutoSearch report"),
        style=_part("page.css"),
        navigation=_navigation(standing, there, small),
        headline=sections.headline(standing, folder),
        tiles=sections.tiles(standing),
        plots=_plots(standing, figures, small),
        trials=trial_rows.table_html(standing) if trials else "",
        failures_first=failed if first else "",
        failures="" if first else failed,
        about=sections.about(standing),
        version=escape(__version__),
        made=moment(now),
        figures=embedded([figure.drawing() for figure in [*there, *small]]),
        rows=embedded(trial_rows.rows(standing)),
        plotly=get_plotlyjs(),
        script=_part("page.js"),
    )


def plots(standing: Standing) -> list[Figure]:
    """Give the report's plots in their order, those that are absent too."""
    figures = [make(standing) for make in _ORDER]
    figures = [lineage.figure(standing), *figures] if is_population(standing) else figures
    keys = {figure.key for figure in figures if not figure.absent}
    # The two stand in one row; where one is missing the other takes it.
    alone = len(keys & {"history", "importance"}) == 1
    return [_widened(figure) if alone and figure.key in ("history", "importance") else figure for figure in figures]


def _widened(figure: Figure) -> Figure:
    from dataclasses import replace

    return replace(figure, width="full")


def embedded(data: Any) -> str:
    """Write JSON that may stand inside a script element: no `<` can end it, and no NaN is in it."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _part(name: str) -> str:
    return resources.files("autosearch.views").joinpath(name).read_text(encoding="utf-8")


def _plots(standing: Standing, figures: list[Figure], small: list[Figure]) -> str:
    cards = [sections.figure_card(figure) for figure in figures if not figure.absent]
    more = len(standing.job.spec.parameters) - len(small)
    if small:
        cards.insert(1, sections.schedule_card(small, more))
    return "\n".join([*cards, sections.absent_card([figure for figure in figures if figure.absent])])


def _navigation(standing: Standing, there: list[Figure], small: list[Figure]) -> str:
    links = [(figure.key, _NAMES[figure.key]) for figure in there]
    if small:
        links.insert(1, ("schedule", "Schedule"))
    links += [("trials", "Trials")] if standing.trials else []
    if standing.counts.get("Failed"):
        links.insert(0 if failures.decisive(standing) else len(links), ("failures", "Failures"))
    links.append(("about", "About"))
    return "".join(f'<a href="#{key}">{name}</a>' for key, name in links)
