"""What is told of failures: why a search failed, which trials did, and where their logs are.

Owns: the words and the HTML of failures. Everything that a script printed goes through `html.escape`.
"""

from html import escape

from autosearch.api.trial import Trial
from autosearch.views.standing import Standing
from autosearch.views.wording import counted, last_words, why

MOST = 50


def log_file(trial: Trial) -> str:
    """Say where the log of a failed trial's last attempt is; else "".

    Of a local search it is a file, relative to the output directory; of one on a cluster the command that prints it.
    """
    if trial.status.state != "Failed" or not trial.status.attempts:
        return ""
    meta = trial.metadata
    # Only an API server gives versions.
    if meta.resource_version is not None:
        place = f" -n {meta.namespace}" if meta.namespace else ""
        return f"autosearch logs {trial.spec.job_name}{place} --trial {trial.spec.trial_id}"
    return f"logs/{trial.status.attempts[-1].id}.log"


def why_and_where(trial: Trial) -> str:
    """Say in one line why a trial ended as it did, and where a failed one's log is."""
    log = log_file(trial)
    return f"{why(trial)} (log: {log})" if log else why(trial)


def split(message: str) -> tuple[str, str, str]:
    """Take a message apart: its first line, which judges, its last one, which says why, and all that it quotes.

    Returns:
        The second and third are empty for a message of one line.
    """
    head, _, quoted = message.strip().partition("\n")
    lines = [line for line in quoted.splitlines() if line.strip()]
    return head, lines[-1].strip() if lines else "", quoted.strip("\n")


def said(message: str) -> str:
    """Give a condition's message as HTML: the first line, the last one, and everything between them folded."""
    head, last, quoted = split(message)
    parts = [f'<p class="sub">{escape(head)}</p>']
    if last:
        parts.append(f'<pre class="last">{escape(last)}</pre>')
    if "\n" in quoted:
        parts.append(
            f'<details class="rest"><summary>the lines before it</summary><pre>{escape(quoted)}</pre></details>'
        )
    return "".join(parts)


def failures(standing: Standing) -> str:
    """List the failed trials with their reasons and the end of their logs."""
    failed = [trial for trial in standing.finished if trial.status.state == "Failed"]
    if not failed:
        return ""
    items = "".join(_failure(trial, opened=i == 0 and decisive(standing)) for i, trial in enumerate(failed[:MOST]))
    hidden = len(failed) - MOST
    more = f'<p class="note">{counted(hidden, "more")} in the table of trials.</p>' if hidden > 0 else ""
    return f'<section class="card" id="failures"><h2>Failures</h2>{items}{more}</section>'


def decisive(standing: Standing) -> bool:
    """Say whether the failures are what a reader has come for: the search itself has failed."""
    return standing.job.status.state == "Failed"


def _failure(trial: Trial, *, opened: bool) -> str:
    head = f"<b>{escape(trial.spec.trial_id)}</b>{escape(why(trial))}"
    tail, log = last_words(trial).strip(), log_file(trial)
    runs = counted(trial.status.attempt_count, "attempt")
    note = f"{runs}. The last log: <code>{escape(log)}</code>" if log else f"{runs}."
    told = f"<pre>{escape(tail)}</pre>" if tail else '<p class="note">It left no log lines behind.</p>'
    state = " open" if opened else ""
    return f'<details{state}><summary>{head}</summary><p class="note">{note}</p>{told}</details>'
