"""How many trials a search has: its plan, and what of it is left.

Owns: the number of trials. It is read from the spec at every pass, so that a grown `maxTrials` or `rounds` simply
counts.
"""

from autosearch.api.job import AutoSearchJob
from autosearch.engine.snapshot import Question
from autosearch.engine.work import Work
from autosearch.search.space import SearchSpace


def planned_trials(job: AutoSearchJob) -> int | None:
    """Give how many trials the search will have at most; None for a grid whose size nobody limited."""
    population = job.spec.algorithm.population
    if population is not None:
        return population.population * population.rounds
    if job.spec.algorithm.grid is not None:
        size = SearchSpace.of(job.spec.parameters).size
        limits = [limit for limit in (size, job.spec.max_trials) if limit is not None]
        return min(limits, default=None)
    return job.spec.max_trials


def question(work: Work, slots: int) -> Question:
    """Give what the algorithm is to be asked for so many slots."""
    return Question(
        slots=slots,
        known=len(work.trials),
        finished=work.tally.finished,
        planned=planned_trials(work.job),
        first_free=_first_free(work),
    )


def _first_free(work: Work) -> int:
    created = {action.trial.spec.number for action in work.created}
    number = work.census.first_free
    while number in work.census.numbers or number in created:
        number += 1
    return number


def proposals_exhausted(work: Work) -> bool:
    """Say whether the algorithm has answered, for the trials that exist, that no further one will ever come."""
    answer = work.snapshot.answer
    return (
        answer is not None
        and answer.proposals.exhausted
        and answer.question.known + len(answer.proposals.trials) <= len(work.trials)
        and answer.question.planned == planned_trials(work.job)
    )
