"""Which writes of a job's status may wait a moment.

Owns: the distinction between what must be on record before anything else is done, or what people wait for, and figures
that change with every trial. A shell may gather the latter for up to a second.
"""

from autosearch.api.job import JobStatus
from autosearch.api.meta import Condition
from autosearch.engine.work import ENDINGS

_AT_ONCE = frozenset({*ENDINGS, "AlgorithmError"})


def is_urgent(old: JobStatus, new: JobStatus) -> bool:
    """Say whether a change records an intent or is waited for; counters, usage, best and wording are not.

    Args:
        old: the status as it was written last.
        new: the status as it is to be written.
    """
    if (old.state, old.start_time, old.completion_time) != (new.state, new.start_time, new.completion_time):
        return True
    before = {condition.type: condition for condition in old.conditions}
    after = {condition.type: condition for condition in new.conditions}
    return before.keys() != after.keys() or any(_is_news(before[kind], after[kind]) for kind in after)


def _is_news(old: Condition, new: Condition) -> bool:
    if old.status != new.status:
        return True
    if old.reason == new.reason:
        return False
    # How often a cleaner failed is on record here alone: the next one is named after it.
    return new.type == "Cleaning" or (new.type == "Progressing" and new.reason in _AT_ONCE)
