"""What the operator remembers of one job between passes; all of it may be lost at any moment.

Owns: results that cost time or requests to get again, the answers of the algorithm, and reports that came over the
network before the pod's status told them.
"""

from dataclasses import dataclass, field

from pydantic import ValidationError

from autosearch.api.errors import InvalidInputError, Problem
from autosearch.api.job import AutoSearchJob
from autosearch.api.loading import parse_job
from autosearch.api.trial import Trial
from autosearch.engine.memo import Memo
from autosearch.engine.snapshot import Answer, Blocked, Note, Run
from autosearch.kubernetes.cache import Json
from autosearch.kubernetes.pod import check_template
from autosearch.search.propose import record_of
from autosearch.search.records import TrialRecord


@dataclass(slots=True)
class JobMemory:
    """One job's memory.

    Attributes:
        answer: the algorithm's newest answer.
        proven: the API server took a pod of this job, or a dry run of one.
        blocked: why it did not take the last one.
        trials_refused: that was a Trial object, and not a pod.
        retry_at: when the next try may be made, on the loop's clock.
        refusals: how many tries were refused in a row.
        notes: warnings about the job's volumes.
        written_at: when the job's status was written last, on the loop's clock.
        kept_house_at: when it was looked for pods and models that can go, on the same clock.
    """

    memo: Memo = field(default_factory=Memo)
    answer: Answer | None = None
    proven: bool = False
    blocked: Blocked | None = None
    trials_refused: bool = False
    retry_at: float = 0.0
    refusals: int = 0
    notes: tuple[Note, ...] = ()
    written_at: float = 0.0
    kept_house_at: float = 0.0
    runs: dict[str, tuple[int, str, Run]] = field(default_factory=dict)
    _parsed: tuple[str, AutoSearchJob | None, tuple[Problem, ...]] | None = None
    _recorded: list[Trial] = field(default_factory=list)
    _records: list[TrialRecord] = field(default_factory=list)

    def parsed(self, body: Json) -> tuple[AutoSearchJob | None, tuple[Problem, ...]]:
        """Read the job, once for each version of it; gives None and the problems where it cannot be read."""
        version = body["metadata"]["resourceVersion"]
        if self._parsed is None or self._parsed[0] != version:
            self._parsed = (version, *_parsed(body))
        return self._parsed[1], self._parsed[2]

    def attempt_ended(self) -> None:
        """Let the next try be made at once: what a pod held, a place within a quota, may be free now."""
        self.retry_at, self.refusals = 0.0, 0

    def records(self, job: AutoSearchJob, trials: dict[str, Trial]) -> list[TrialRecord]:
        """Give the algorithms' view of the trials; what did not change is not made anew."""
        metric, now = job.spec.objective.metric, list(trials.values())
        known = zip(now, self._recorded, self._records, strict=False)
        records = [record if trial is old else record_of(trial, metric) for trial, old, record in known]
        records += [record_of(trial, metric) for trial in now[len(records) :]]
        self._recorded, self._records = now, records
        return records


def _parsed(body: Json) -> tuple[AutoSearchJob | None, tuple[Problem, ...]]:
    try:
        job = parse_job(body, from_file=False)
        check_template(job)
    except InvalidInputError as error:
        problems = tuple(error.problems)
    else:
        return job, ()
    try:
        return AutoSearchJob.from_dict(body), problems
    except ValidationError:
        return None, problems
