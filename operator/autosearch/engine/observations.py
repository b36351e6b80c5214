"""Progress reports as a trial keeps them: at most a hundred, spread evenly, none changing an earlier decision.

Owns: how `status.observations` grows. The first accepted value of a step wins; a step that is not after the last one
is ignored, so that a resumed run which repeats steps cannot change what was decided.
"""

from collections.abc import Collection, Mapping, Sequence

from autosearch.api.trial import MAX_OBSERVATIONS, Observation, TrialStatus


def with_observation(
    status: TrialStatus,
    step: int,
    metrics: Mapping[str, float],
    checkpoint_path: str = "",
    keep_steps: Collection[int] = (),
) -> TrialStatus:
    """Give the status with one more progress report in it.

    Args:
        step: the script's own unit, not negative, increasing.
        checkpoint_path: relative to the output root; becomes the trial's last checkpoint; "" for none.
        keep_steps: thresholds whose first observation at or after them is never thinned out: the rungs of a stopping
            rule.
    """
    changes: dict[str, object] = {}
    if checkpoint_path:
        changes["last_checkpoint_path"] = checkpoint_path
    observations = status.observations
    if not observations or step > observations[-1].step:
        grown = [*observations, Observation.model_construct(step=step, metrics=dict(metrics))]
        changes["observations"] = _thinned(grown, keep_steps) if len(grown) > MAX_OBSERVATIONS else grown
    return status.replace(**changes) if changes else status


def _thinned(observations: Sequence[Observation], keep_steps: Collection[int]) -> list[Observation]:
    """Drop the one whose neighbours are closest together; the first, the last and the pinned ones stay."""
    kept = _pinned(observations, keep_steps)
    inner = [i for i in range(1, len(observations) - 1) if i not in kept]
    if not inner:
        return [*observations[:-2], observations[-1]]
    drop = min(inner, key=lambda i: (observations[i + 1].step - observations[i - 1].step, i))
    return [o for i, o in enumerate(observations) if i != drop]


def _pinned(observations: Sequence[Observation], keep_steps: Collection[int]) -> set[int]:
    firsts = (next((i for i, o in enumerate(observations) if o.step >= step), None) for step in keep_steps)
    return {index for index in firsts if index is not None}
