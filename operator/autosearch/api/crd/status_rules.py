"""What never changes back: a status is not taken away, an end is the end.

Owns: the rules of both statuses and of a Trial's spec.
"""

from autosearch.api.crd.cel import Rule, Rules

_KEPT = Rule(
    "!has(oldSelf.status) || has(self.status)",
    "`status` must not be removed; it is the operator's own",
    path=".status",
    reason="FieldValueForbidden",
)


def _final(what: str, *fields: str) -> Rule:
    """Give the rule that fields are final with the completion time; one rule, as each costs at every write."""
    same = [f"has(self.{f}) == has(oldSelf.{f}) && (!has(self.{f}) || self.{f} == oldSelf.{f})" for f in fields]
    return Rule(
        f"!has(oldSelf.completionTime) || ({' && '.join(f'({each})' for each in same)})",
        f"{' and '.join(f'`{field}`' for field in fields)} must not change after `completionTime` was written: {what}",
        reason="FieldValueForbidden",
    )


_ENDED = Rule(
    "!has(oldSelf.conditions) || oldSelf.conditions.all(old, old.status != 'True' || "
    "!(old.type in ['Complete', 'Failed', 'Finished']) || "
    "(has(self.conditions) && self.conditions.exists(c, c.type == old.type && c.status == 'True')))",
    "the conditions `Complete`, `Failed` and `Finished` must stay True: a search that has ended does not go on; create "
    "a new one",
    path=".conditions",
    reason="FieldValueForbidden",
)
JOB: Rules = {
    "": [_KEPT],
    "status": [
        _final("a search that has ended does not go on", "completionTime"),
        _ENDED,
    ],
}
TRIAL: Rules = {
    "": [_KEPT],
    "spec": [
        Rule(
            "self == oldSelf",
            "a trial's `spec` must not change: another parameter set is another trial",
            reason="FieldValueForbidden",
        )
    ],
    "status": [
        _final("a trial is trained once", "completionTime", "state", "value"),
    ],
}
