"""The report page in a real headless Chromium: every plot drawn, the console empty, nothing run that a user wrote."""

import os
import re
import shutil
import subprocess
from datetime import timedelta

import pytest
from tests.unit.test_views_report import EVIL, evil_search
from tests.unit.view_samples import START, pbt_search, still_running, tpe_search

from autosearch.views.report import write_report

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=10000",
    "--window-size=1280,900",
]


@pytest.fixture(scope="module")
def chromium():
    """The browser; CI fails without it, elsewhere the tests are skipped and say what to install."""
    if CHROMIUM is None and os.environ.get("CI") == "true":
        pytest.fail("chromium is missing: apt-get install -y --no-install-recommends chromium")
    if CHROMIUM is None:
        pytest.skip("chromium is missing, the report was NOT opened: apt-get install chromium")
    return CHROMIUM


@pytest.fixture
def opened(chromium, tmp_path):
    """Give a function that opens a search's report and returns the page's DOM and what was on the console."""

    def open_report(job, trials, fragment="", script="", seconds=3600):
        path = write_report(job, trials, tmp_path / "report.html", now=START + timedelta(seconds=seconds))
        if script:
            page = path.read_text(encoding="utf-8")
            path.write_text(page.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        command = [chromium, *QUIET, profile, "--dump-dom", f"{path.as_uri()}{fragment}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        return done.stdout, re.findall(r".*:CONSOLE[:(].*", done.stderr)

    return open_report


def attribute(dom, name):
    """Read a data attribute of the page's root."""
    found = re.search(rf'<html[^>]* data-{name}="([^"]*)"', dom)
    return found.group(1) if found else None


def marks(dom):
    """Give for each plot how many marks the browser drew."""
    tags = re.findall(r'<div class="plot(?: [^"]*)?" [^>]*>', dom)
    return {
        re.search(r'id="plot-([^"]+)"', tag).group(1): int(re.search(r'data-drawn="(\d+)"', tag).group(1))
        for tag in tags
    }


def assert_drawn(dom, console, keys):
    """Assert that exactly these plots are there, each with marks, and that the console is empty."""
    assert console == []
    assert attribute(dom, "drawn") == "true"
    assert attribute(dom, "broken") == "0"
    drawn = marks(dom)
    assert set(drawn) == keys
    assert all(count > 0 for count in drawn.values()), drawn


ORDINARY = {"history", "importance", "parallel", "curves", "timeline"}
PBT = {"lineage", "history", "parallel", "timeline", *(f"schedule-{i}" for i in range(4))}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_plot_of_an_ordinary_report_is_drawn(opened, theme):
    """A Bayesian search in light and in dark: five plots with marks, the table filled, the console empty."""
    dom, console = opened(*tpe_search(), f"#{theme}")
    assert_drawn(dom, console, ORDINARY)
    assert attribute(dom, "theme") == theme
    assert attribute(dom, "rows") == "50"
    assert marks(dom)["history"] >= 60


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_plot_of_a_pbt_report_is_drawn(opened, theme):
    """A PBT search in light and in dark: lineage, a schedule for each parameter, and the rest."""
    dom, console = opened(*pbt_search(), f"#{theme}")
    assert_drawn(dom, console, PBT)
    assert marks(dom)["lineage"] >= 48


def test_the_theme_is_switched_and_the_lineage_by_time_is_drawn(opened):
    """Both buttons work: the plots are drawn anew in the other theme, the lineage in its other form."""
    script = """setTimeout(() => { document.querySelector("#theme").click();
      document.querySelectorAll("[data-forms] button")[1].click(); }, 2000);"""
    dom, console = opened(*pbt_search(), "#light", script)
    assert attribute(dom, "theme") == "dark"
    assert_drawn(dom, console, PBT)
    assert "minutes since the start" in dom[dom.index('id="plot-lineage"') : dom.index('id="plot-schedule-0"')]


def test_the_table_is_sorted_and_filtered(opened):
    """Typing filters the trials, a click on a column sorts them."""
    script = """setTimeout(() => { const f = document.querySelector("#filter"); f.value = "sgd failed";
      f.dispatchEvent(new Event("input")); document.title = document.documentElement.dataset.rows;
      f.value = ""; f.dispatchEvent(new Event("input"));
      document.querySelectorAll("#trials-table th button")[1].click();
      document.querySelector("#all").click(); }, 2000);"""
    job, trials = tpe_search()
    dom, console = opened(job, trials, "", script)
    wanted = sum(t.status.state == "Failed" and t.spec.parameters["optimizer"] == "sgd" for t in trials)
    assert console == []
    assert f"<title>{wanted}</title>" in dom
    body = dom[dom.index("<tbody>", dom.index('id="trials-table"')) :]
    order = re.findall(r"<tr[^>]*><td[^>]*>[^<]*</td><td[^>]*>0-(\d+)</td>", body)
    assert order == [str(number) for number in range(60)]


def test_nothing_that_a_user_wrote_is_run(opened):
    """Markup in choices, metrics, messages and paths is shown as text: no element of it exists in the page."""
    dom, console = opened(*evil_search())
    assert console == []
    assert attribute(dom, "broken") == "0"
    body = re.sub(r"<script\b.*?</script>", "", dom, flags=re.DOTALL)
    assert "<img" not in body
    assert "onerror" not in re.sub(r">[^<]*<|title=\"[^\"]*\"", "", body)
    assert EVIL.replace("<", "&lt;").replace(">", "&gt;") in body


@pytest.mark.parametrize(("make", "second"), [(tpe_search, 0), (tpe_search, 60), (pbt_search, 0), (pbt_search, 150)])
def test_a_search_under_way_is_drawn(opened, make, second):
    """From the first moment on the page opens without an error."""
    dom, console = opened(*still_running(make(), second), seconds=second)
    assert console == []
    assert attribute(dom, "drawn") == "true"
    assert attribute(dom, "broken") == "0"


def test_two_thousand_trials_are_drawn(opened):
    """A page of 2,000 trials opens, draws everything, and shows the first fifty rows."""
    dom, console = opened(*tpe_search(2000, 8))
    assert_drawn(dom, console, ORDINARY)
    assert attribute(dom, "rows") == "50"
