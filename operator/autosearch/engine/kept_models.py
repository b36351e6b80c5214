"""`keepBestModels`: which output directories may go.

Owns: the choice. What the best trials reported, and what any trial yet to come may start from, is never chosen,
wherever it lies.
"""

from collections.abc import Collection, Iterable, Iterator

from autosearch.api.trial import Trial, TrialStatus
from autosearch.engine.names import attempt_id, output_directory
from autosearch.engine.work import Work
from autosearch.search.pbt import checkpoints_needed
from autosearch.search.propose import search_of


def at_most(trials: Iterable[Trial], keep: int) -> int:
    """Give a number of directories that `removable` does not exceed, found without asking what is needed."""
    left = [trial.status for trial in trials if _is_left(trial.status)]
    succeeded = sum(status.state == "Succeeded" for status in left)
    return sum(status.attempt_count - status.attempts_removed for status in left) - min(succeeded, keep)


def _is_left(status: TrialStatus) -> bool:
    return status.completion_time is not None and not status.output_removed


def removable(work: Work, *, at_least: int, over: bool) -> list[str]:
    """Give the directories that nobody needs, oldest trial first; none if they are fewer than `at_least`.

    These are all attempts of finished trials that are not among the best, and the earlier attempts of those that are.

    Args:
        over: the search is finished, so that there will be no more hand-overs.
    """
    keep = work.job.spec.keep_best_models
    if keep is None or work.job.spec.output is None:
        return []
    left = [trial for trial in work.trials.values() if _is_left(trial.status)]
    best = _best(work, left, keep)
    needed = _needed(work, best, over=over)
    busy = {run.trial_name for run in work.alive()}
    kept = {trial.name for trial in best}
    chosen = [
        directory
        for trial in sorted(left, key=lambda trial: trial.spec.number)
        if trial.name not in busy
        for directory in _until_needed(work, trial, _surplus(trial, kept=trial.name in kept), needed)
    ]
    return chosen if len(chosen) >= at_least else []


def with_removed(work: Work, trial: Trial, gone: Collection[str]) -> None:
    """Note in a finished trial's status which of its directories are gone.

    Its checkpoint's path stays, although the file does not: PBT's decisions were made of it and must be found again.
    """
    status = trial.status
    removed = status.attempts_removed
    while removed < status.attempt_count and _directory(work, trial, removed) in gone:
        removed += 1
    if removed == status.attempts_removed:
        return
    status = status.replace(attempts_removed=removed)
    if removed == status.attempt_count:
        status = status.replace(output_removed=True, model_path=None)
    work.amend(trial, status)


def _best(work: Work, finished: Iterable[Trial], keep: int) -> list[Trial]:
    """Give the best succeeded trials; of equals the first, as everywhere."""
    sign = -1.0 if work.job.spec.objective.direction == "Maximize" else 1.0
    ranked = [
        (sign * trial.status.value, trial.status.completion_time, trial)
        for trial in finished
        if trial.status.state == "Succeeded" and trial.status.value is not None
    ]
    return [trial for *_, trial in sorted(ranked, key=lambda entry: entry[:2])[:keep]]


def _surplus(trial: Trial, *, kept: bool) -> range:
    return range(trial.status.attempts_removed, trial.status.attempt_count - kept)


def _directory(work: Work, trial: Trial, attempt: int) -> str:
    return output_directory(work.job, attempt_id(trial, attempt))


def _until_needed(work: Work, trial: Trial, attempts: range, needed: Collection[str]) -> Iterator[str]:
    # Only the earliest ones in a row, so that one number can tell which are gone.
    for attempt in attempts:
        directory = _directory(work, trial, attempt)
        if directory in needed:
            return
        yield directory


def _needed(work: Work, best: Iterable[Trial], *, over: bool) -> set[str]:
    """Give the directories that hold something which is kept, or which a trial may start from."""
    paths: set[str | None] = set()
    for trial in best:
        paths |= {trial.status.model_path, trial.status.checkpoint_path}
    if not over:
        paths |= _handed_over(work)
    return {"/".join(path.split("/")[:2]) for path in paths if path}


def _handed_over(work: Work) -> set[str | None]:
    paths: set[str | None] = set()
    for trial in work.unfinished():
        paths.add(trial.status.last_checkpoint_path)
        paths.add(trial.spec.resume.checkpoint_path if trial.spec.resume else None)
    if work.job.spec.algorithm.pbt is not None:
        metric = work.job.spec.objective.metric
        paths |= checkpoints_needed(
            search_of(work.job), [work.memo.record(trial, metric) for trial in work.trials.values()]
        )
    return paths
