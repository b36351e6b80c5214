"""The job's status: counters, the best trial, improvements, usage and conditions that people trust.

Owns: everything in `AutoSearchJob.status` but the decision to end. All of it is made anew from the Trial objects at
each pass, so that nothing can drift.
"""

from collections import Counter

from autosearch.api.job import Best, JobState, TrialCounts
from autosearch.api.meta import find_condition
from autosearch.api.trial import Trial, Usage
from autosearch.engine import notices, refusals
from autosearch.engine.budget import planned_trials
from autosearch.engine.starting import waits
from autosearch.engine.work import Work
from autosearch.search.propose import effective_seed


def update_best(work: Work) -> None:
    """Fill in the best succeeded trial and the trials that were best in their time."""
    work.status = work.status.replace(
        best=_best(work.tally.best, work.snapshot.model_root), improvements=work.tally.improvements
    )


def _best(trial: Trial | None, model_root: str) -> Best | None:
    if trial is None or trial.status.value is None:
        return None
    return Best(
        trial_name=trial.name,
        value=trial.status.value,
        parameters=trial.spec.parameters,
        model_path=trial.status.model_path,
        model_uri=f"{model_root}/{trial.status.model_path}" if model_root and trial.status.model_path else None,
        checkpoint_path=trial.status.checkpoint_path,
    )


def update_summary(work: Work) -> None:
    """Fill in the counters, the usage, the effective settings and the conditions of a search that goes on."""
    job = work.job
    acknowledge(work)
    work.status = work.status.replace(
        seed=effective_seed(job),
        target=job.spec.objective.target,
        progress=_progress(work),
        trials=_counts(work),
        usage=_usage(work),
    )
    if not work.ending:
        _update_conditions(work)
        work.status = work.status.replace(state=_state(work))


def acknowledge(work: Work) -> None:
    """Note which edit of the spec this status speaks of, in the conditions too: all of them were looked at again."""
    generation = work.job.metadata.generation
    if work.status.observed_generation == generation:
        return
    conditions = [condition.replace(observed_generation=generation) for condition in work.status.conditions]
    work.status = work.status.replace(observed_generation=generation, conditions=conditions)


def _state(work: Work) -> JobState:
    if work.job.spec.suspend:
        return "Suspended"
    return "Running" if work.trials else "Pending"


def _progress(work: Work) -> str:
    planned = planned_trials(work.job)
    return f"{work.tally.finished}/{planned}" if planned is not None else str(work.tally.finished)


def _counts(work: Work) -> TrialCounts:
    open_states = Counter(trial.status.state for trial in work.unfinished())
    final = work.tally.states
    return TrialCounts.model_construct(
        planned=planned_trials(work.job),
        created=len(work.trials),
        pending=open_states["Pending"],
        running=open_states["Running"],
        succeeded=final["Succeeded"],
        early_stopped=final["EarlyStopped"],
        failed=final["Failed"],
        stopped=final["Stopped"],
    )


def _usage(work: Work) -> Usage:
    current = [trial.status.usage for trial in work.unfinished()]
    return Usage.model_construct(
        trial_seconds=round(work.tally.trial_seconds + sum(usage.trial_seconds for usage in current), 3),
        gpu_seconds=round(work.tally.gpu_seconds + sum(usage.gpu_seconds for usage in current), 3),
    )


def _update_conditions(work: Work) -> None:
    if work.trials and find_condition(work.status.conditions, "Started") is None:
        work.set_condition("Started", "True", "TrialsCreated", "the first trials were created")
    notices.apply(work)
    if work.job.spec.suspend:
        work.set_condition("Progressing", "False", "Suspended", "spec.suspend is true")
        return
    refused = refusals.wait(work)
    answer = work.snapshot.answer
    waiting = waits(work)
    if answer is not None and answer.error:
        work.set_condition("Progressing", "False", "AlgorithmError", answer.error)
    elif refused:
        work.set_condition("Progressing", "True", *refused)
    elif waiting:
        work.set_condition("Progressing", "True", "Waiting", "; ".join(waiting[:5]))
    else:
        work.set_condition("Progressing", "True", "TrialsRunning")
