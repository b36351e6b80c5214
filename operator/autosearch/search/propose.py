"""The public door of the search layer: API objects in, proposals out.

Owns: reading jobs and trials, as models or as plain dictionaries of the same form, into what algorithms see. Trials are
not validated here: two thousand of them must cost milliseconds.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from autosearch.api.base import format_time
from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial
from autosearch.search.auto import resolve
from autosearch.search.initial import distinct
from autosearch.search.records import Proposals, Search, TrialRecord
from autosearch.search.registry import algorithm_of
from autosearch.search.seeding import seed_from
from autosearch.search.space import SearchSpace

Json = Mapping[str, Any]
_TIME_LENGTH = len("2026-01-31T12:00:00.000000Z")


def propose(job: AutoSearchJob | Json, trials: Sequence[Trial | Json], slots: int) -> Proposals:
    """Give up to `slots` trials that a job wants next.

    Args:
        job: an AutoSearchJob, as a model or as its JSON form.
        trials: all its Trial objects, in either form, statuses included, in any order.
        slots: how many can be run now.

    Raises:
        pydantic.ValidationError: the job's JSON form is wrong.
        UnknownAlgorithmError: the algorithm is not built yet.
        UnsuitableSpaceError: the algorithm cannot search this space.
    """
    search = search_of(job)
    records = [record_of(trial, search.metric) for trial in trials]
    return algorithm_of(search.algorithm).propose(search, records, slots)


def search_of(job: AutoSearchJob | Json) -> Search:
    """Give what algorithms need to know of a job; `auto` is resolved here. Raises what `propose` raises."""
    job = job if isinstance(job, AutoSearchJob) else AutoSearchJob.from_dict(job)
    spec = job.spec
    space = SearchSpace.of(spec.parameters)
    algorithm = resolve(spec.algorithm, space, spec.max_trials)
    population = algorithm.population
    return Search(
        job_name=job.name,
        space=space,
        algorithm=algorithm.name,
        settings=algorithm.settings,
        maximize=spec.objective.direction == "Maximize",
        seed=effective_seed(job),
        max_trials=population.population * population.rounds if population else spec.max_trials,
        metric=spec.objective.metric,
        initial=distinct(space, spec.initial_trials),
    )


def effective_seed(job: AutoSearchJob) -> int:
    """Give the seed in effect, below 2**53: the spec's, else the recorded one, else one made from the object's uid.

    A job without uid, which no API server has seen, gets its seed from its name.
    """
    if job.spec.seed is not None:
        return job.spec.seed
    return job.status.seed if job.status.seed is not None else seed_from(job.metadata.uid or job.name)


def record_of(trial: Trial | Json, metric: str) -> TrialRecord:
    """Give a trial as algorithms see it; `metric` names the observed value."""
    return _of_model(trial, metric) if isinstance(trial, Trial) else _of_json(trial, metric)


def _of_model(trial: Trial, metric: str) -> TrialRecord:
    spec, status = trial.spec, trial.status
    completed = status.completion_time
    return TrialRecord(
        name=trial.metadata.name,
        number=spec.number,
        state=status.state,
        parameters=spec.parameters,
        round=spec.round,
        member=spec.member,
        value=status.value,
        observations=tuple((o.step, o.metrics[metric]) for o in status.observations if metric in o.metrics),
        completion=format_time(completed) if completed is not None else None,
        checkpoint=status.checkpoint_path or "",
        finished_seen=spec.finished_seen,
    )


def _of_json(trial: Json, metric: str) -> TrialRecord:
    spec, status = trial["spec"], trial.get("status") or {}
    observations = status.get("observations") or ()
    return TrialRecord(
        name=trial["metadata"]["name"],
        number=spec["number"],
        state=status.get("state", "Pending"),
        parameters=spec["parameters"],
        round=spec.get("round", 0),
        member=spec.get("member", 0),
        value=status.get("value"),
        observations=tuple((o["step"], o["metrics"][metric]) for o in observations if metric in o["metrics"]),
        completion=_sortable(status.get("completionTime")),
        checkpoint=status.get("checkpointPath") or "",
        finished_seen=spec.get("finishedSeen", 0),
    )


def _sortable(time: str | None) -> str | None:
    # Ours have six digits and a Z, so that their order as texts is their order in time; others write what they like.
    if time is None or (len(time) == _TIME_LENGTH and time[-1] == "Z"):
        return time
    return format_time(datetime.fromisoformat(time))
