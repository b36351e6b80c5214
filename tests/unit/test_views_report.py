"""Promises of the report page that need no browser."""

import json
import re
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest
from tests.unit.view_samples import (
    PBT_PARAMETERS,
    START,
    TPE_PARAMETERS,
    attempt,
    failed_search,
    job_of,
    pbt_search,
    stamp,
    still_running,
    tpe_search,
    trial_of,
)

from autosearch.views import report
from autosearch.views.again import again_command, again_place
from autosearch.views.plots import curves, history, importance, lineage, parallel, schedule, timeline
from autosearch.views.plots.ancestry import Ancestry
from autosearch.views.plots.bezier import between, curve
from autosearch.views.plots.figure import ValueScale
from autosearch.views.plots.ticks import log_ticks
from autosearch.views.standing import Standing

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
NOW = START + timedelta(hours=1)


def island(page, identity):
    """Read a JSON island of the page; NaN and Infinity are refused."""
    text = re.search(rf'<script type="application/json" id="{identity}">(.*?)</script>', page, re.DOTALL).group(1)
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} in the page"))


def shell(page):
    """Give the page without its scripts and styles: the HTML that a parser would build."""
    return re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)


@pytest.fixture(scope="module")
def tpe():
    """A finished Bayesian search."""
    return tpe_search()


@pytest.fixture(scope="module")
def pbt():
    """A finished PBT search."""
    return pbt_search()


def test_an_ordinary_report_has_all_plots(tpe):
    """History, importance, parallel coordinates, curves and timeline are there, the lineage is not."""
    page = report.render(*tpe, NOW)
    assert [figure["key"] for figure in island(page, "figures")] == [
        "history",
        "importance",
        "parallel",
        "curves",
        "timeline",
    ]


def test_a_pbt_report_begins_with_lineage_and_schedule(pbt):
    """The lineage has two forms, each parameter its schedule; importance is left out with the reason."""
    page = report.render(*pbt, NOW)
    figures = {figure["key"]: figure for figure in island(page, "figures")}
    assert [form["name"] for form in figures["lineage"]["forms"]] == ["by round", "by time"]
    assert sum(key.startswith("schedule-") for key in figures) == len(PBT_PARAMETERS)
    assert "importance" not in figures
    assert "inherited weights" in shell(page)


def test_the_page_loads_nothing_and_has_plotly_once(tpe):
    """One file: no external script, style, image or frame, a policy that forbids them, and plotly.js a single time."""
    page = report.render(*tpe, NOW)
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=[\"'](?!data:)", shell(page))
    assert not re.search(r"<script[^>]+src=", page[:5000])
    assert "default-src 'none'" in page
    assert page.count("plotly.js v") == 1


def test_the_headline_names_value_trial_model_and_command(tpe):
    """The best trial stands at the top with everything that is needed to use it."""
    text = shell(report.render(*tpe, NOW))
    for part in ("0.96454", "trial 0-43", "pvc://results/team-a/cifar-tpe-3f9c2a7e/0-43", "--optimizer=adam"):
        assert part in text


def test_the_command_is_safe_to_paste():
    """Values with spaces and quotes are quoted for the shell."""
    parameter = [{"name": "note", "categorical": {"choices": ["a b; rm -rf 'x'"]}}]
    job = job_of("quoted", parameter, {"objective": {"metric": "m", "direction": "Maximize"}, "maxTrials": 1}, {})
    trial = trial_of("quoted", 0, "0-0", {"parameters": {"note": "a b; rm -rf 'x'"}}, {})
    assert again_command(job, trial) == "python train.py \\\n  '--note=a b; rm -rf '\"'\"'x'\"'\"''"


def test_the_command_of_a_pbt_trial_goes_on_from_its_parents_checkpoint(pbt):
    """With PBT the checkpoint and the interval are passed, and the folder that must be there is named."""
    job, trials = pbt
    best = next(trial for trial in trials if trial.name == job.status.best.trial_name)
    settings = job.spec.algorithm.pbt.replace(perturb_interval=3)
    job = job.replace(spec=job.spec.replace(algorithm=job.spec.algorithm.replace(pbt=settings)))
    command = again_command(job, best)
    assert f"--resume_checkpoint_path=./output/{best.spec.resume.checkpoint_path}" in command
    assert command.endswith("--perturb_interval=3")
    assert again_place(job, best) == "in a folder that holds the script and this search's output"


def test_the_command_of_a_script_that_reads_its_environment_sets_it():
    """With `arguments: None` values stand in front of the command, and references to them are filled in."""
    volume = {"volume": {"emptyDir": {}}}
    spec = {"objective": {"metric": "m", "direction": "Maximize"}, "maxTrials": 1, "arguments": "None"}
    job = job_of("shell", [{"name": "lr", "float": {"min": 0, "max": 1}}], spec | {"trainData": volume}, {})
    job.spec.template["spec"]["containers"][0]["args"] = ["--rate", "$(AUTOSEARCH_PARAM_lr)"]
    trial = trial_of("shell", 0, "0-0", {"parameters": {"lr": 0.5}}, {})
    lines = again_command(job, trial).split(" \\\n  ")
    assert lines[0] == "env"
    assert "AUTOSEARCH_PARAM_lr=0.5" in lines
    assert lines[-1] == "python train.py --rate 0.5"
    assert again_place(job, trial) == "in a folder that holds the script and train_data"


def test_a_failed_search_says_first_why():
    """The failures come before the plots, the last line of a log before the rest; every trial is accounted for."""
    page = shell(report.render(*failed_search(), NOW))
    assert page.index('id="failures"') < page.index('id="timeline"')
    assert page.index('href="#failures"') < page.index('href="#timeline"')
    last = page.index('<pre class="last">RuntimeError: CUDA out of memory')
    assert last < page.index("<pre>Traceback (most recent call last):\n  File")
    assert "no trial has succeeded yet" not in page
    tiles = re.findall(r"<strong>([^<]*)</strong><span>([^<]*)</span>", page)
    assert tiles[:3] == [("0 / 16", "trials succeeded"), ("6", "failed"), ("1", "stopped")]
    assert "<code>logs/0-5.log</code>" in page


def test_a_model_below_the_page_is_named_as_seen_from_there(tpe, tmp_path):
    """A local model's absolute path is shown relative to the page's folder; an address elsewhere stays as it is."""
    job, trials = tpe
    best = job.status.best.replace(model_uri=str(tmp_path / "output" / "0-43"))
    local = job.replace(status=job.status.replace(best=best))
    page = report.write_report(local, trials, tmp_path / "report.html", now=NOW).read_text(encoding="utf-8")
    assert "<pre>output/0-43</pre>" in page
    assert str(tmp_path) not in page
    other = report.write_report(local, trials, tmp_path / "pages" / "report.html", now=NOW).read_text(encoding="utf-8")
    assert str(tmp_path / "output" / "0-43") in other


def evil_search():
    """A search all of whose free texts try to break out."""
    parameters = [{"name": "kernel", "categorical": {"choices": [EVIL, "$ink"]}}]
    spec = {"objective": {"metric": "<b>acc</b>", "direction": "Maximize"}, "maxTrials": 3}
    condition = {"type": "Failed", "status": "True", "lastTransitionTime": stamp(9), "reason": "Bad", "message": EVIL}
    job = job_of("evil", parameters, spec, {"state": "Failed", "conditions": [condition]})
    run = attempt("0-0", 0, 5, "ScriptFailed", message=EVIL, exitCode=1)
    failed = {"state": "Failed", "attempts": [run], "attemptCount": 1, "completionTime": stamp(5)}
    good = {"value": 0.5, "modelPath": EVIL, "attempts": [attempt("0-1", 0, 5)], "completionTime": stamp(6)}
    seen = [{"step": 1, "metrics": {"<b>acc</b>": 0.4}}]
    return job, [
        trial_of("evil", 0, "0-0", {"parameters": {"kernel": EVIL}}, failed),
        trial_of(
            "evil", 1, "0-1", {"parameters": {"kernel": EVIL}}, good | {"state": "Succeeded", "observations": seen}
        ),
    ]


def test_texts_of_users_never_become_html():
    """Choices, metrics, messages and paths with HTML appear as text: in the page, in its data, in plotly's labels."""
    page = report.render(*evil_search(), NOW)
    assert EVIL not in page
    assert "<script>alert" not in page
    assert "<img" not in shell(page)
    for figure in island(page, "figures"):
        assert "<img" not in json.dumps(figure)


@pytest.mark.parametrize("make", [tpe_search, pbt_search])
@pytest.mark.parametrize("second", [0, 5, 100, 250])
def test_a_search_under_way_has_a_report(make, second):
    """Whatever has finished so far, nothing included, the page is built and says what is missing."""
    job, trials = still_running(make(), second)
    page = report.render(job, trials, START + timedelta(seconds=second))
    island(page, "figures")
    assert len(island(page, "rows")["rows"]) == len(trials)


def test_a_search_without_any_trial_has_a_report(tpe):
    """No trial at all: the facts of the job, and reasons in place of plots."""
    job, _ = tpe
    job = job.replace(status=job.status.replace(best=None))
    text = shell(report.render(job, [], NOW))
    assert "<b>no trial has succeeded</b>" in text
    assert "Not shown" in text
    going_on = job.replace(status=job.status.replace(state="Running", completion_time=None))
    assert "no trial has succeeded yet" in shell(report.render(going_on, [], NOW))


def test_a_search_whose_trials_all_failed_has_a_report(tpe):
    """All failed: their reasons and logs are listed, and no plot pretends to know a value."""
    job, trials = tpe
    job = job.replace(status=job.status.replace(best=None, state="Failed"))
    failed = [trial for trial in trials if trial.status.state == "Failed"]
    page = report.render(job, failed, NOW)
    assert "CUDA out of memory" in shell(page)
    assert {figure["key"] for figure in island(page, "figures")} == {"timeline"}


def test_one_trial_is_enough(tpe):
    """A single succeeded trial gives a page without an error."""
    job, trials = tpe
    page = report.render(job, trials[:1], NOW)
    assert "needs 20 succeeded trials, there are 1" in shell(page)


@pytest.mark.parametrize("values", [[0.5] * 25, [1.7e308, -1.7e308] * 12 + [0.0], [5e-324, 0.0] * 12])
def test_extreme_values_do_not_break_the_page(tpe, values):
    """Equal values, the largest floats and the smallest ones give a page without NaN."""
    job, trials = tpe
    some = [trial for trial in trials if trial.status.state == "Succeeded"][: len(values)]
    changed = [t.replace(status=t.status.replace(value=v, observations=[])) for t, v in zip(some, values, strict=False)]
    page = report.render(job.replace(status=job.status.replace(best=None)), changed, NOW)
    island(page, "figures")


@pytest.mark.parametrize("make", [lambda: tpe_search(2000, 8), lambda: pbt_search(40, 50)])
def test_two_thousand_trials_make_a_page_of_moderate_size(make):
    """2,000 trials make a page of less than 8 MB."""
    job, trials = make()
    page = report.render(job, trials, NOW)
    assert len(page.encode()) < 8e6


def test_the_report_is_replaced_at_once(tpe, tmp_path, monkeypatch):
    """A failed write leaves the old page and no temporary file; a good one is readable as any file."""
    path = report.write_report(*tpe, tmp_path / "new" / "report.html", now=NOW)
    before = path.read_text(encoding="utf-8")
    monkeypatch.setattr(report.Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        report.write_report(*tpe, path, now=NOW + timedelta(days=1))
    assert path.read_text(encoding="utf-8") == before
    assert [entry.name for entry in path.parent.iterdir()] == ["report.html"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~report._umask()


def test_history_shows_each_finished_trial_once_and_a_best_that_only_rises(tpe):
    """Every finished trial is one mark; the line of the best never falls and ends at the best value."""
    figure = history.figure(Standing(*tpe))
    counts = Counter(trace["name"] for trace in figure.data for _ in trace["x"] if trace["name"] != "best so far")
    assert counts == {
        "succeeded": 49,
        "stopped early": 8,
        "failed": 3,
    }
    best = next(trace["y"] for trace in figure.data if trace["name"] == "best so far")
    assert best == sorted(best)
    assert best[-1] == 0.96454


@pytest.mark.parametrize("direction", ["Maximize", "Minimize"])
def test_poor_values_do_not_squeeze_the_history(tpe, direction):
    """Values far worse than the good ones stand as arrows at the edge of the range, and are counted."""
    job, trials = tpe
    sign = 1 if direction == "Maximize" else -1
    objective = job.spec.objective.replace(direction=direction, target=None)
    job = job.replace(spec=job.spec.replace(objective=objective), status=job.status.replace(best=None))
    some = [trial for trial in trials if trial.status.state == "Succeeded"][:20]
    values = [sign * v for v in (0.1, 0.33, 0.2, 0.25, *(0.95 + i / 500 for i in range(16)))]
    poor = [t.replace(status=t.status.replace(value=v)) for t, v in zip(some, values, strict=True)]
    figure = history.figure(Standing(job, poor))
    low, high = figure.layout["yaxis"]["range"]
    assert high - low < 0.2
    points = [trace for trace in figure.data if trace["name"] == "succeeded"]
    assert [len(trace["x"]) for trace in points] == [16, 4]
    assert all(low <= y <= high for trace in points for y in trace["y"])
    assert points[1]["marker"]["symbol"] == ("arrow-down" if direction == "Maximize" else "arrow-up")
    assert "4 poor values beyond the drawn range" in figure.note


def test_parallel_coordinates_draw_every_succeeded_trial(tpe):
    """One line for each trial through all axes, at heights between 0 and 1."""
    figure = parallel.figure(Standing(*tpe))
    solid = [trace for trace in figure.data if trace["line"].get("dash") != "dot"]
    assert sum(trace["x"].count(None) for trace in solid) == 49
    assert all(0 <= y <= 1 for trace in solid for y in trace["y"] if y is not None)
    assert all(trace["type"] == "scatter" for trace in figure.data)


def test_importance_finds_the_parameter_that_matters(tpe):
    """The learning rate, which makes the difference in the sample, is on top, and fANOVA is named."""
    figure = importance.figure(Standing(*tpe))
    fanova = next(trace for trace in figure.data if trace["name"] == "fANOVA")
    assert fanova["y"][-1] == "lr"
    assert sum(fanova["x"]) == pytest.approx(1, abs=0.01)


def test_importance_says_why_it_is_not_shown(tpe, pbt):
    """Too few trials, and PBT, have a reason in place of a misleading plot."""
    job, trials = tpe
    assert "needs 20" in importance.figure(Standing(job, trials[:10])).absent
    assert "inherited weights" in importance.figure(Standing(*pbt)).absent


def test_curves_are_those_that_were_reported(tpe, pbt):
    """Each trial with observations has a curve; a search without any says how to get them."""
    figure = curves.figure(Standing(*tpe))
    assert sum(trace["x"].count(None) for trace in figure.data) == 57
    assert "report_progress" in curves.figure(Standing(*pbt)).absent


def test_no_slot_runs_two_attempts_at_once_and_idle_time_counts(tpe):
    """Attempts are dealt to as many slots as ran side by side, without overlap; the busy share is of their time."""
    spans = timeline.slots_of(Standing(*tpe))
    assert len(spans) == 64
    assert {span.slot for span in spans} == {0, 1, 2, 3}
    for slot in range(4):
        mine = [span for span in spans if span.slot == slot]
        assert all(a.end <= b.start for a, b in pairwise(mine))
    busy = sum(span.end - span.start for span in spans) / (4 * max(span.end for span in spans))
    assert timeline.busy_share(spans) == pytest.approx(busy)


@pytest.mark.parametrize(
    ("reason", "kind"), [("ScriptFailed", "Again"), ("TimedOut", "Again"), ("Evicted", "Lost"), ("Suspended", "Lost")]
)
def test_attempts_that_failed_are_told_from_those_that_were_lost(tpe, reason, kind):
    """Of an attempt that was followed by another the timeline says whether it was the script's own fault."""
    job, _ = tpe
    runs = [attempt("0-0", 0, 5, reason), attempt("0-0-r1", 6, 9)]
    status = {"state": "Succeeded", "value": 0.5, "attempts": runs, "completionTime": stamp(9)}
    parameters = {"lr": 0.01, "layers": 2, "batch_size": 32, "optimizer": "adam", "dropout": 0.1, "use_bn": True}
    spans = timeline.slots_of(Standing(job, [trial_of("cifar-tpe", 0, "0-0", {"parameters": parameters}, status)]))
    assert [span.kind for span in spans] == [kind, "Succeeded"]


def test_lineage_has_an_arrow_for_each_inheritance_and_no_other(pbt):
    """Arrows are the trials whose checkpoint came from another member; the winner's own are orange."""
    standing = Standing(*pbt)
    ancestry = Ancestry(standing)
    exploits = [t for t in standing.trials if t.spec.operation == "Exploit" and t.spec.resume]
    crossing = [t for t in exploits if ancestry.parent(t).spec.member != t.spec.member]
    figure = lineage.figure(standing)
    heads = [trace for trace in figure.data if trace.get("marker", {}).get("symbol") == "arrow"]
    assert sum(sum(size > 0 for size in trace["marker"]["size"]) for trace in heads) == len(crossing) > 0


def test_the_winners_ancestry_is_a_chain_of_real_parents(pbt):
    """Each link started from the checkpoint of the one before, from a first round to the best trial."""
    chain = Ancestry(Standing(*pbt)).winner
    assert chain[0].spec.operation == "Init"
    assert chain[-1].name == pbt[0].status.best.trial_name
    for parent, child in pairwise(chain):
        assert child.spec.resume.trial_name == parent.name
        assert child.spec.resume.checkpoint_path == parent.status.checkpoint_path
    assert len({trial.spec.member for trial in chain}) == 3


def test_time_runs_forward_in_the_lineage(pbt):
    """In the form by time each arrow ends right of where it began."""
    ancestry = Ancestry(Standing(*pbt))
    for parent, child in ancestry.handed_over:
        assert parent.status.completion_time <= child.status.attempts[0].start_time


def test_the_schedule_is_the_winners_parameters_round_by_round(pbt):
    """Each small plot steps through the values of the winner's chain and holds the last one."""
    standing = Standing(*pbt)
    chain = Ancestry(standing).winner
    figures = schedule.figures(standing)
    winner = figures[0].data[1]
    assert winner["y"][:-1] == [trial.spec.parameters["lr"] for trial in chain]
    assert winner["x"][:-1] == list(range(len(chain)))
    axis = figures[0].layout["xaxis"]
    assert axis["tickvals"] == list(range(len(chain)))
    assert winner["x"][-1] <= axis["range"][1] < len(chain)


def test_marks_of_a_schedule_are_values_that_the_parameter_may_have():
    """Discrete values stand at their own marks, a logarithmic axis has decades, or 1, 2 and 5 between few of them."""
    discrete = {"name": "batch_size", "discrete": {"values": [16, 32, 64, 128]}}
    spec = {"objective": {"metric": "acc", "direction": "Maximize"}, "algorithm": {"pbt": {"rounds": 1}}}
    job = job_of("axes", [discrete], spec | {"output": {"volume": {"emptyDir": {}}}}, {})
    status = {"state": "Succeeded", "value": 0.5, "completionTime": stamp(5)}
    trial = trial_of("axes", 0, "0-0", {"parameters": {"batch_size": 64}}, status)
    [figure] = schedule.figures(Standing(job, [trial]))
    assert figure.layout["yaxis"]["categoryarray"] == ["16", "32", "64", "128"]
    assert set(figure.data[1]["y"]) == {"64"}
    assert log_ticks(0.0001, 0.1)[1] == ["0.0001", "0.001", "0.01", "0.1"]
    assert log_ticks(16, 128)[1] == ["20", "50", "100"]
    assert len(log_ticks(1e-12, 1e12)[0]) <= 7
    assert log_ticks(0.23, 0.24)[0] == [0.23, 0.24]


def test_a_circle_of_parents_ends(pbt):
    """Trials that name each other as parents, written by hand, are drawn as well."""
    job, trials = pbt
    a, b = trials[0], trials[1]
    link = trials[-1].spec.resume
    a = a.replace(spec=a.spec.replace(resume=link.replace(trial_name=b.name)))
    b = b.replace(spec=b.spec.replace(resume=link.replace(trial_name=a.name)))
    job = job.replace(status=job.status.replace(best=None))
    assert report.render(job, [a, b], NOW)


def test_curves_between_nodes_start_and_end_at_them():
    """Forwards, within a column and backwards an arrow joins its two nodes; forwards it leaves and arrives level."""
    for start, end in [((0, 0), (1, 3)), ((2, 1), (2, 4)), ((3, 5), (1, 0))]:
        points = between(start, end)
        assert points[0] == start
        assert points[-1] == end
    xs = [x for x, _ in curve((0, 0), (2, 5), bend=1)]
    assert xs == sorted(xs)


@pytest.mark.parametrize("maximize", [True, False])
def test_the_scale_puts_the_best_at_one_and_outliers_at_zero(maximize):
    """One absurd value does not flatten the others, and is counted as outside."""
    sign = 1 if maximize else -1
    scale = ValueScale([sign * v for v in (0.9, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99, -1e6)], maximize)
    assert scale.unit(sign * 0.99) == 1
    assert scale.unit(sign * -1e6) == 0
    assert scale.unit(sign * 0.97) - scale.unit(sign * 0.92) > 0.2
    assert scale.outside == 1


def test_table_rows_say_where_weights_came_from(pbt):
    """In PBT each row names its parent; an ordinary search has no such column."""
    rows = island(report.render(*pbt, NOW), "rows")
    titles = [column["title"] for column in rows["columns"]]
    texts = {row["cells"][titles.index("weights")]["text"].split()[0].strip(",") for row in rows["rows"]}
    assert texts == {"new", "own", "from"}


def test_the_exact_value_is_kept_beside_the_short_one(tpe):
    """A float is shown with few digits and carries all of them."""
    rows = island(report.render(*tpe, NOW), "rows")
    titles = [column["title"] for column in rows["columns"]]
    cell = rows["rows"][0]["cells"][titles.index("lr")]
    assert cell["text"] == "0.006248"
    assert cell["exact"] == "0.006248343485874961"
    assert TPE_PARAMETERS[0]["name"] in titles
