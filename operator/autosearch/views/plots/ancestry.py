"""Who inherited from whom in a PBT search.

Owns: what the lineage and the schedule share. It reads `spec.resume` only: what is drawn is what was really handed
over.
"""

from dataclasses import dataclass
from functools import cached_property

from autosearch.api.trial import Trial
from autosearch.search.lineage import Step, schedule
from autosearch.views.standing import Standing


@dataclass(frozen=True)
class Ancestry:
    """A population's trials and their parents."""

    standing: Standing

    @cached_property
    def by_name(self) -> dict[str, Trial]:
        """All trials by name."""
        return {trial.name: trial for trial in self.standing.trials}

    @cached_property
    def winner(self) -> list[Trial]:
        """The best trial's chain of parents, the oldest first; empty while there is no best."""
        best = self.standing.best
        if best is None or best.name not in self.by_name:
            return []
        steps = {name: Step.of(trial) for name, trial in self.by_name.items()}
        return [self.by_name[step.name] for step in schedule(steps, best.name)]

    def parent(self, trial: Trial) -> Trial | None:
        """Give the trial whose weights this one started from."""
        resume = trial.spec.resume
        return self.by_name.get(resume.trial_name) if resume else None

    @cached_property
    def handed_over(self) -> list[tuple[Trial, Trial]]:
        """Pairs of parent and child of different members: where weights were inherited."""
        pairs = [(parent, trial) for trial in self.standing.trials if (parent := self.parent(trial))]
        return [(parent, child) for parent, child in pairs if parent.spec.member != child.spec.member]

    @cached_property
    def continued(self) -> list[tuple[Trial, Trial]]:
        """Pairs of parent and child of the same member."""
        pairs = [(parent, trial) for trial in self.standing.trials if (parent := self.parent(trial))]
        return [(parent, child) for parent, child in pairs if parent.spec.member == child.spec.member]

    @cached_property
    def depth(self) -> dict[str, int]:
        """For each trial the number of trials that trained its weights before it."""
        found: dict[str, int] = {}
        for trial in self.standing.trials:
            chain = self._unknown(trial, found)
            for link in reversed(chain):
                above = self.parent(link)
                found[link.name] = found[above.name] + 1 if above and above.name in found else 0
        return found

    def _unknown(self, trial: Trial, found: dict[str, int]) -> list[Trial]:
        """Give a trial and its parents up to the first whose depth is known, so that each trial is visited once."""
        chain: list[Trial] = []
        link: Trial | None = trial
        # No chain is longer than all trials: what was written by hand could go in circles.
        while link is not None and link.name not in found and len(chain) < len(self.by_name):
            chain.append(link)
            link = self.parent(link)
        return chain


def is_population(standing: Standing) -> bool:
    """Say whether weights are inherited in this search."""
    return standing.job.spec.algorithm.pbt is not None
