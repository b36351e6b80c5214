"""New trials and their pods: created side by side, and what it means if the API server does not take one.

Owns: the dry run that proves a job's template before anything is created, the creation of trials and pods, and the
pause after a refusal. A trial's pod is created only once the trial is.
"""

import asyncio
from collections.abc import Iterable, Sequence

from autosearch.api.job import AutoSearchJob
from autosearch.api.trial import Trial
from autosearch.engine.actions import Action, CreateTrial, StartRun
from autosearch.engine.notices import held_by_one_node
from autosearch.engine.snapshot import Blocked, Note
from autosearch.kubernetes.admission import Refused, refused, without_dry_run
from autosearch.kubernetes.cache import Json
from autosearch.kubernetes.client import ApiError
from autosearch.kubernetes.memory import JobMemory
from autosearch.kubernetes.pod import build_pod
from autosearch.kubernetes.resources import CLAIMS, PODS, TRIALS
from autosearch.kubernetes.surroundings import Surroundings, Wishes

PER_PASS = 64
"""A job of a thousand slots must not keep the others waiting."""
_FIRST_RETRY, _LONGEST_RETRY = 1.0, 30.0


class Starts:
    """The creations of one pass."""

    def __init__(self, around: Surroundings, job: AutoSearchJob, memory: JobMemory, wishes: Wishes) -> None:
        self._around = around
        self._job = job
        self._memory = memory
        self._wishes = wishes
        self._namespace = job.metadata.namespace or ""
        self._uid = job.metadata.uid or ""

    async def prove(self, actions: Sequence[Action]) -> bool:
        """Say whether the API server takes what the job starts; its pods are proven by a dry run of the first one.

        Raises:
            ApiError: if it cannot be asked.
        """
        start = next((action for action in actions if isinstance(action, StartRun)), None)
        if start is None:
            return True
        if self._memory.trials_refused and self._is_waiting():
            return False
        if self._memory.proven:
            return True
        if self._around.cache.trials(self._uid):
            # An operator before us has proven it.
            self._memory.proven = True
            return True
        if self._is_waiting():
            return False
        trial = next(a.trial for a in actions if isinstance(a, CreateTrial) and a.trial.name == start.trial_name)
        self._memory.notes = await self._notes()
        return await self._dry_run(trial, start)

    async def run(self, actions: Iterable[Action]) -> None:
        """Create trials and pods; raises the first `ApiError`, after all others were tried."""
        chains: dict[str, list[CreateTrial | StartRun]] = {}
        for action in actions:
            if isinstance(action, CreateTrial):
                chains.setdefault(action.trial.name, []).append(action)
            elif isinstance(action, StartRun):
                chains.setdefault(action.trial_name, []).append(action)
        now = list(chains.values())[:PER_PASS]
        if len(chains) > len(now):
            self._wishes.within(0.0)
        if len(now) == 1:
            await self._create(now[0])
            return
        for outcome in await asyncio.gather(*map(self._create, now), return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _dry_run(self, trial: Trial, start: StartRun) -> bool:
        try:
            await self._around.client.create(PODS, self._pod(trial, start), self._namespace, dry_run=True)
        except ApiError as error:
            if without_dry_run(error):
                self._around.recorder.tell(self._job, "Warning", "DryRunNotSupported", error.message)
            else:
                self._refuse(error, first=True)
                return False
        self._accept()
        return True

    async def _create(self, chain: Sequence[CreateTrial | StartRun]) -> None:
        for action in chain:
            if isinstance(action, StartRun):
                await self._start(action)
            elif not await self._is_created(action.trial):
                return

    async def _is_created(self, trial: Trial) -> bool:
        try:
            body = _without_status(trial)
            await self._around.writes.create(TRIALS, body, self._namespace, ("AutoSearchJob", self._uid))
        except ApiError as error:
            self._refuse(error, first=False)
            self._memory.trials_refused = True
            return False
        self._memory.trials_refused = False
        return True

    async def _start(self, action: StartRun) -> None:
        trial = self._around.cache.trials(self._uid).get(action.trial_name)
        if trial is None or self._is_waiting():
            return
        try:
            owner = ("Trial", trial.metadata.uid or "")
            pod = await self._around.writes.create(PODS, self._pod(trial, action), self._namespace, owner)
        except ApiError as error:
            self._refuse(error, first=False)
            return
        self._accept()
        self._around.metrics.pod_accepted(self._uid)
        if pod["spec"].get("schedulingGates"):
            # Nothing happens to a gated pod, so no event would lead to a pass that says why it waits.
            self._wishes.within(0.0)

    def _pod(self, trial: Trial, start: StartRun) -> Json:
        settings = self._around.pod_settings()
        return build_pod(self._job, trial, start.attempt_id, start.resume_checkpoint_path, settings)

    def _is_waiting(self) -> bool:
        memory, clock = self._memory, self._around.clock()
        if memory.blocked is None or clock >= memory.retry_at:
            return False
        self._wishes.within(memory.retry_at - clock)
        return True

    def _accept(self) -> None:
        self._memory.proven, self._memory.refusals = True, 0
        if self._memory.blocked is not None:
            self._memory.blocked = None
            self._wishes.within(0.0)

    def _refuse(self, error: ApiError, *, first: bool) -> None:
        """Remember why a trial or its pod was not taken; raises the error where it says nothing about these."""
        found = _foreign(error) or refused(error, first=first)
        if found is None:
            raise error
        memory, clock = self._memory, self._around.clock()
        if clock >= memory.retry_at:
            # Once for each try, not for each of the pods that are refused side by side.
            memory.refusals += 1
            memory.retry_at = clock + min(_FIRST_RETRY * 2.0 ** (memory.refusals - 1), _LONGEST_RETRY)
        memory.blocked = Blocked("fatal" if found.final else "wait", found.reason, found.message)
        # The next pass is what shows the reason, and waits for the time of the next try.
        self._wishes.within(0.0)

    async def _notes(self) -> tuple[Note, ...]:
        """Look for a claim that only one node can hold, in the way of trials side by side."""
        output = self._job.spec.output
        claim = (output.volume.get("persistentVolumeClaim") or {}).get("claimName") if output else None
        if claim is None or self._job.spec.parallelism == 1:
            return ()
        try:
            found = await self._around.client.get(CLAIMS, claim, self._namespace)
        except ApiError:
            return ()
        note = held_by_one_node(self._job, claim, found.get("spec", {}).get("accessModes") or [])
        return (note,) if note is not None else ()


def _foreign(error: ApiError) -> Refused | None:
    if error.reason != "AlreadyExists":
        return None
    return Refused("NameTaken", f"{error.message}, and it is not this trial's; it is waited for, or delete it")


def _without_status(trial: Trial) -> Json:
    body = trial.to_dict()
    body.pop("status", None)
    return body
