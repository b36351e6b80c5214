"""What a user should know of a job, though nothing is wrong with it: the conditions `ModelsKept` and `Warning`.

Owns: these two conditions, written when a search starts. They change nothing of what is done.
"""

from collections.abc import Collection

from autosearch.api.job import AutoSearchJob
from autosearch.api.meta import find_condition
from autosearch.engine.snapshot import Note
from autosearch.engine.work import Work

_NO_OUTPUT = (
    "spec.output is absent: models and checkpoints are gone with their pods; "
    "keep them with `output: {volume: {persistentVolumeClaim: {claimName: ...}}}`"
)
_MANY_NODES = frozenset({"ReadWriteMany"})


def apply(work: Work) -> None:
    """Say whether models are kept, and what to beware of."""
    if find_condition(work.status.conditions, "ModelsKept") is None:
        _tell_whether_models_are_kept(work)
    notes = work.snapshot.notes
    if notes:
        work.set_condition("Warning", "True", notes[0].reason, "; ".join(note.message for note in notes))


def _tell_whether_models_are_kept(work: Work) -> None:
    # Locally there is an output root without any volume.
    if work.job.spec.output is not None or work.snapshot.model_root:
        work.set_condition("ModelsKept", "True", "OutputGiven")
    else:
        work.set_condition("ModelsKept", "False", "NoOutput", _NO_OUTPUT)


def held_by_one_node(job: AutoSearchJob, claim: str, access_modes: Collection[str]) -> Note | None:
    """Give the warning about an output claim that only one node may hold at a time, if trials run side by side.

    Args:
        claim: name of the output's PersistentVolumeClaim.
        access_modes: the claim's `spec.accessModes`.
    """
    if job.spec.parallelism == 1 or not access_modes or _MANY_NODES & set(access_modes):
        return None
    text = (
        f"the output claim {claim} is {', '.join(access_modes)} and parallelTrials is {job.spec.parallelism}: a trial "
        "that is scheduled to another node than the first waits for ever; use a ReadWriteMany claim, "
        "or keep all trials on one node with `nodeSelector`"
    )
    return Note("VolumeHeldByOneNode", text)
