"""The parts of the report page that are text: headline, tiles, places of the plots, facts of the job.

Owns: their HTML. Everything that comes from a job or a trial goes through `html.escape`, without exception.
"""

import shlex
from html import escape
from pathlib import Path

from autosearch.api.job import AutoSearchJob
from autosearch.api.parameters import Parameter
from autosearch.api.trial import Trial
from autosearch.engine.command_line import trial_container
from autosearch.views.absence import not_yet
from autosearch.views.again import again_command, again_place
from autosearch.views.failures import said
from autosearch.views.plots.figure import Figure
from autosearch.views.plots.timeline import busy_share, slots_of
from autosearch.views.standing import Standing
from autosearch.views.table import model_line
from autosearch.views.wording import (
    STATE_WORDS,
    counted,
    domain_text,
    duration,
    exact,
    moment,
    number,
    share,
    short,
)

_TONES = {"Complete": "good", "Running": "calm", "Failed": "bad", "Suspended": "wait", "Pending": "wait"}


def headline(standing: Standing, folder: Path | None = None) -> str:
    """Give the head of the page: the job, its state, the best trial and how to use it.

    Args:
        folder: where the page will lie; paths below it are shown relative to it.
    """
    job, objective = standing.job, standing.job.spec.objective
    state = f'<span class="state {_TONES[job.status.state]}">{job.status.state}</span>'
    what = f"{objective.direction} <b>{escape(objective.metric)}</b> with {job.spec.algorithm.name}"
    outcome = standing.outcome
    verdict = said(outcome.message or outcome.reason) if outcome else ""
    left = f'<h1>{escape(job.name)} {state}</h1><p class="sub">{what}</p>{verdict}{_best_value(standing)}'
    return f'<section class="card head" id="best"><div>{left}</div>{_best_use(standing, folder)}</section>'


def _best_value(standing: Standing) -> str:
    best = standing.best
    if best is None:
        return f'<p class="sub"><b>{not_yet(standing.job, "no trial has succeeded")}</b></p>'
    metric = escape(standing.job.spec.objective.metric)
    found = f"best of {counted(len(standing.ranked), 'succeeded trial')}, trial {escape(best.spec.trial_id)}"
    return f'<div class="value">{number(best.status.value)}<small>{metric}</small></div><p class="sub">{found}</p>'


def _best_use(standing: Standing, folder: Path | None) -> str:
    best, job = standing.best, standing.job
    if best is None:
        return ""
    chips = "".join(
        f'<li title="{escape(exact(p, best.spec.parameters.get(p.name)))}"><b>{escape(p.name)}</b>'
        f"{escape(short(p, best.spec.parameters.get(p.name)))}</li>"
        for p in job.spec.parameters
    )
    parts = [f'<p class="label">Best parameters</p><ul class="chips">{chips}</ul>']
    parts.append(f'<p class="label">Its model</p>{_copy(_from(folder, model_line(standing)))}')
    parts.append(f'<p class="label">{_train_again(best)}, {again_place(job, best)}</p>')
    parts.append(_copy(again_command(job, best)))
    return f"<div>{''.join(parts)}</div>"


def _from(folder: Path | None, place: str) -> str:
    """Give a path as it is seen from the page's folder, if it lies below that; else as it is."""
    path = Path(place)
    return str(path.relative_to(folder)) if folder and path.is_absolute() and path.is_relative_to(folder) else place


def _train_again(best: Trial) -> str:
    if best.spec.resume is None:
        return "Train it again by hand"
    return "Its last round by hand (the weights come from the rounds before, see the schedule)"


def _copy(text: str) -> str:
    return f'<div class="copy"><pre>{escape(text)}</pre><button type="button">Copy</button></div>'


def tiles(standing: Standing) -> str:
    """Give the key numbers."""
    cells = [*_trial_tiles(standing), *_time_tiles(standing)]
    inner = "".join(
        f'<div class="card tile"><strong>{escape(v)}</strong><span>{escape(n)}</span></div>' for v, n in cells
    )
    return f'<section class="tiles" aria-label="Key numbers">{inner}</section>'


def _trial_tiles(standing: Standing) -> list[tuple[str, str]]:
    counts, planned = standing.counts, standing.planned
    done = counts.get("Succeeded", 0)
    cells = [(f"{done:,}" + (f" / {planned:,}" if planned not in (None, done) else ""), "trials succeeded")]
    cells.append((f"{counts.get('Failed', 0):,}", "failed"))
    cells += [(f"{counts[s]:,}", STATE_WORDS[s]) for s in ("EarlyStopped", "Stopped", "Running") if counts.get(s)]
    gain = gained(standing)
    return [*cells, (gain, "best over the median trial")] if gain else cells


def gained(standing: Standing) -> str:
    """Give the distance from the median to the best value with its sign; empty below three succeeded trials."""
    values = [trial.status.value for trial in standing.ranked if trial.status.value is not None]
    if len(values) < 3:  # noqa: PLR2004 - with one or two, the median is the best itself or half way to it
        return ""
    middle = values[len(values) // 2]
    sign = "+" if values[0] >= middle else "\N{MINUS SIGN}"
    return sign + number(abs(values[0] - middle), 3)


def _time_tiles(standing: Standing) -> list[tuple[str, str]]:
    spans = slots_of(standing)
    cells = []
    if spans:
        cells.append((duration(max(span.end for span in spans)), "wall-clock time"))
        cells.append((share(busy_share(spans)), "slots busy"))
    cells.append((duration(standing.trial_seconds), "of trial time"))
    gpu = standing.job.status.usage.gpu_seconds
    return [*cells, (duration(gpu), "of GPU time")] if gpu else cells


def figure_card(figure: Figure) -> str:
    """Give the place of one plot."""
    forms = [figure, *figure.others]
    switch = ""
    if len(forms) > 1:
        buttons = "".join(
            f'<button type="button" aria-pressed="{"false" if i else "true"}">{escape(form.variant)}</button>'
            for i, form in enumerate(forms)
        )
        switch = f'<div class="forms" role="group" aria-label="Form" data-forms="{figure.key}">{buttons}</div>'
    note = f'<p class="note">{escape(figure.note)}</p>' if figure.note else ""
    return (
        f'<section class="card {figure.width}" id="{figure.key}"><div class="bar"><h2>{escape(figure.title)}</h2>'
        f'{switch}</div>{note}<div class="scroll">{_plot(figure)}</div></section>'
    )


def _plot(figure: Figure) -> str:
    name = escape(figure.title)
    size = f'style="height:{figure.height}px"'
    return f'<div class="plot" id="plot-{figure.key}" role="img" aria-label="{name}" {size}></div>'


def schedule_card(figures: list[Figure], more: int) -> str:
    """Give the place of the winner's schedule: a small plot for each parameter."""
    if not figures:
        return ""
    small = "".join(f"<figure><figcaption>{escape(f.title)}</figcaption>{_plot(f)}</figure>" for f in figures)
    note = "Each parameter along the winner's ancestry. Diamonds: the weights came from another member."
    note += " Dots: other trials."
    note += f" {counted(more, 'further parameter')} not shown." if more > 0 else ""
    return (
        f'<section class="card full" id="schedule"><h2>Schedule of the winner</h2><p class="note">{note}</p>'
        f'<div class="small-plots">{small}</div></section>'
    )


def absent_card(figures: list[Figure]) -> str:
    """Say which plots are not there, and why."""
    if not figures:
        return ""
    lines = "".join(f"<dt>{escape(f.title)}</dt><dd>{escape(f.absent)}</dd>" for f in figures)
    return f'<section class="card full" id="absent"><h2>Not shown</h2><dl>{lines}</dl></section>'


def about(standing: Standing) -> str:
    """Give the facts of the job and its search space."""
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in _facts(standing.job) if value)
    rows = "".join(_space_row(parameter) for parameter in standing.job.spec.parameters)
    space = (
        f"<table><thead><tr><th>parameter</th><th>kind</th><th>values</th></tr></thead><tbody>{rows}</tbody></table>"
    )
    return (
        '<section class="card" id="about"><h2>About this search</h2><div class="facts">'
        f'<dl>{facts}</dl><div class="scroll">{space}</div></div></section>'
    )


def _space_row(parameter: Parameter) -> str:
    cells = (parameter.name, parameter.kind, domain_text(parameter))
    return "<tr>" + "".join(f'<td class="p">{escape(cell)}</td>' for cell in cells) + "</tr>"


def _facts(job: AutoSearchJob) -> list[tuple[str, str]]:
    spec, status = job.spec, job.status
    target = spec.objective.target if status.target is None else status.target
    stopping = spec.early_stopping
    return [
        ("job", job.name),
        ("objective", f"{spec.objective.direction} {spec.objective.metric}"),
        ("target", number(target) if target is not None else ""),
        ("algorithm", _settings(spec.algorithm.name, spec.algorithm.settings.to_dict())),
        (
            "early stopping",
            _settings(type(stopping.settings).__name__.lower(), stopping.settings.to_dict()) if stopping else "",
        ),
        ("side by side", counted(spec.parallelism, "trial")),
        ("retries", str(spec.retries)),
        ("seed", str(status.seed if status.seed is not None else spec.seed or "")),
        ("data used", f"{spec.data_sampling_percent} %"),
        ("framework", spec.framework or ""),
        ("image", str(trial_container(job).get("image", ""))),
        ("command", shlex.join(str(word) for word in trial_container(job).get("command", []))),
        ("started", moment(status.start_time) if status.start_time else ""),
        ("finished", moment(status.completion_time) if status.completion_time else ""),
    ]


def _settings(name: str, settings: dict[str, object]) -> str:
    return name + (f" ({', '.join(f'{key} {value}' for key, value in settings.items())})" if settings else "")
