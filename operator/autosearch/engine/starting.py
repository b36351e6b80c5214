"""What runs next: free slots go to trials that wait, then to new proposals, then a question goes to the algorithm.

Owns: parallelism and admission. There are never more live runs than `parallelTrials`, and never two of one trial; the
lowest round starts first, so that no member of a population falls behind.
"""

from datetime import timedelta

from autosearch.api.meta import ObjectMeta, OwnerReference
from autosearch.api.trial import API_VERSION, Resume, Trial, TrialSpec
from autosearch.engine.actions import Propose, StartRun, StopRun
from autosearch.engine.budget import planned_trials, question
from autosearch.engine.names import attempt_id, trial_id, trial_name
from autosearch.engine.snapshot import Question
from autosearch.engine.work import Work, attempt_number
from autosearch.search.records import Proposal

ASK_AGAIN = timedelta(seconds=30)
_LONGEST_WAIT = 300


def apply(work: Work) -> None:
    """Fill the free slots."""
    alive = work.alive()
    end_strays(work)
    if work.ending or work.job.spec.suspend or work.snapshot.draining or work.snapshot.problems:
        return
    slots = work.job.spec.parallelism - len(alive)
    slots -= _start_waiting(work, slots, {run.trial_name for run in alive})
    slots -= _start_proposed(work, slots)
    _ask(work, slots)


def end_strays(work: Work) -> None:
    """End runs that no trial wants: of a trial that is gone or finished, or an attempt that was given up."""
    for run in work.alive():
        trial = work.trials.get(run.trial_name)
        wanted = trial is not None and not trial.finished and work.run_of(trial) is run
        if not wanted and not run.stopping:
            work.deferred.append(StopRun(run.trial_name, run.attempt_id, "Stray"))


def _start_waiting(work: Work, slots: int, busy: set[str]) -> int:
    waiting = [t for t in work.unfinished() if t.name not in busy and work.run_of(t) is None]
    for trial in waiting[: max(slots, 0)]:
        _start(work, trial)
    return len(waiting)


def _start(work: Work, trial: Trial) -> None:
    attempt = attempt_id(trial, attempt_number(trial.status))
    work.deferred.append(StartRun(trial.name, attempt, resume_path(work, trial)))


def resume_path(work: Work, trial: Trial) -> str:
    """Give the checkpoint that the next attempt starts from, relative to the output root; "" for none."""
    status = trial.status
    if work.job.spec.retry_from == "LastCheckpoint" and status.attempt_count and status.last_checkpoint_path:
        return status.last_checkpoint_path
    return trial.spec.resume.checkpoint_path if trial.spec.resume else ""


def _start_proposed(work: Work, slots: int) -> int:
    """Create what the algorithm proposed, as far as it is still wanted; numbers that exist are dropped."""
    if work.snapshot.answer is None or slots <= 0:
        return 0
    planned = planned_trials(work.job)
    started = 0
    for proposal in work.snapshot.answer.proposals.trials:
        trial = new_trial(work, proposal)
        fits = planned is None or (proposal.number < planned and len(work.trials) < planned)
        if started < slots and fits and trial.name not in work.trials:
            work.create(trial)
            _start(work, trial)
            started += 1
    return started


def new_trial(work: Work, proposal: Proposal) -> Trial:
    """Make the Trial object of a proposal."""
    job = work.job
    identity = trial_id(job, proposal.number, proposal.round, proposal.member)
    spec = TrialSpec(
        job_name=job.name,
        number=proposal.number,
        trial_id=identity,
        round=proposal.round,
        member=proposal.member,
        parameters=proposal.parameters,
        sampler=proposal.sampler,
        operation=proposal.operation,
        resume=Resume(trial_name=proposal.resume[0], checkpoint_path=proposal.resume[1]) if proposal.resume else None,
        finished_seen=proposal.finished_seen,
    )
    return Trial(metadata=_metadata(work, trial_name(job, identity)), spec=spec)


def _metadata(work: Work, name: str) -> ObjectMeta:
    job = work.job
    owner = OwnerReference(
        api_version=API_VERSION,
        kind="AutoSearchJob",
        name=job.name,
        uid=job.metadata.uid or "",
        controller=True,
        block_owner_deletion=True,
    )
    return ObjectMeta(
        name=name,
        namespace=job.metadata.namespace,
        labels={"autosearch.dev/job": job.name},
        owner_references=[owner],
    )


def _ask(work: Work, slots: int) -> None:
    """Ask for proposals, unless this very question is being worked on or has been answered."""
    planned = planned_trials(work.job)
    left = slots if planned is None else min(slots, planned - len(work.trials))
    if left <= 0 or work.snapshot.asked is not None:
        return
    wanted = question(work, left)
    if _is_open(work, wanted):
        work.deferred.append(Propose(wanted))


def _is_open(work: Work, wanted: Question) -> bool:
    """Say whether a question has no answer, or one that failed long enough ago."""
    answer = work.snapshot.answer
    if answer is None or answer.question != wanted:
        return True
    if answer.failed_at is None:
        return False
    due = answer.failed_at + ASK_AGAIN
    if work.now < due:
        work.wake(due)
    return work.now >= due


def waits(work: Work) -> list[str]:
    """Say, for each run that has not started, why it waits."""
    waiting = [run for run in work.alive() if run.started is None and run.reason]
    return [f"{run.attempt_id}: {run.reason}: {run.message[:_LONGEST_WAIT]}" for run in waiting]
