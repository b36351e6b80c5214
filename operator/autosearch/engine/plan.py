"""`plan`: what to do next, as a pure function of what is there.

Owns: the order of the policies. It is level-triggered: it knows no events, so that lost, doubled and late ones do no
harm; the same snapshot gives the same plan, and a plan that was carried out whole is followed by an empty one.
"""

from datetime import datetime

from autosearch.engine import (
    doomed,
    early_stopping,
    ending,
    job_status,
    refusals,
    settle,
    starting,
    suspend,
    timeouts,
)
from autosearch.engine.actions import Plan
from autosearch.engine.memo import Memo
from autosearch.engine.snapshot import Snapshot
from autosearch.engine.work import Work


def plan(snapshot: Snapshot, now: datetime, memo: Memo | None = None) -> Plan:
    """Give the actions that bring the job closer to what its spec wants.

    Args:
        snapshot: one consistent view of the job, its trials and its runs.
        now: the present time, with a time zone.
        memo: what a shell keeps between passes to save time; it changes no plan.
    """
    work = Work(snapshot, now, memo or Memo())
    if ending.finished(work):
        # A run that was started by somebody who knew less must not hold its GPU for ever.
        starting.end_strays(work)
        job_status.acknowledge(work)
        return work.plan()
    if refusals.is_spec_refused(work):
        refusals.refuse(work)
        starting.end_strays(work)
        ending.complete(work)
        return work.plan()
    settle.apply(work)
    job_status.update_best(work)
    ending.decide(work)
    suspend.apply(work)
    doomed.apply(work)
    timeouts.apply(work)
    early_stopping.apply(work)
    ending.drain(work)
    starting.apply(work)
    job_status.update_summary(work)
    ending.complete(work)
    return work.plan()
