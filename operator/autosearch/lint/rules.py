"""The rules that a script is checked against: their ids and what a finding is.

Owns: the catalogue. An id is never used anew for another rule. Each is explained under its own heading in
docs/write-a-script.md.
"""

from dataclasses import dataclass
from typing import Literal

from autosearch.lint.script import Place

Severity = Literal["error", "warning"]

RULES: dict[str, str] = {
    "AS001": "the script is valid Python",
    "AS002": "the arguments come through argparse",
    "AS003": "the parser can be seen",
    "AS004": "every searched parameter is declared",
    "AS005": "a parameter's type fits its values",
    "AS006": "choices hold every value that is searched",
    "AS007": "a boolean is not read with type=bool",
    "AS008": "a flag that is passed takes exactly one value",
    "AS009": "the seven flags of the contract are declared",
    "AS010": "the contract's flags have fitting types",
    "AS011": "the defaults of the three folders are untouched",
    "AS012": "nothing that is never passed is required",
    "AS013": "there are no positional arguments",
    "AS014": "no misprint of the specification page is copied",
    "AS015": "every searched parameter is read",
    "AS016": "the real command line is parsed",
    "AS020": "the result is reported",
    "AS021": "the report has the contract's keywords",
    "AS022": "the report's answer is looked at",
    "AS023": "the report is made under the trial's own ids",
    "AS024": "the model folder of the report is the trial's own",
    "AS025": "progress is reported where trials may be stopped early",
    "AS030": "PBT: --resume_checkpoint_path is declared",
    "AS031": "PBT: --perturb_interval is declared where it is passed",
    "AS032": "PBT: the report names a checkpoint",
    "AS033": "PBT: the checkpoint that is handed over is read",
    "AS034": "PBT: the new settings win over a restored optimizer",
    "AS040": "PyTorch: there is an inference file",
    "AS041": "PyTorch: the inference file is complete",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a script breaks a rule.

    Attributes:
        rule_id: a key of RULES.
        line: line of the script, from 1.
        message: what was found.
        fix: what to write instead.
        severity: an error ends trials or makes the search worthless; a warning may be meant.
    """

    rule_id: str
    line: int
    message: str
    fix: str
    severity: Severity = "error"


def finding(rule_id: str, place: Place, message: str, fix: str, severity: Severity = "error") -> Finding:
    """Make a finding at a place, which may be in a module that the script imports."""
    return Finding(rule_id, place.line, f"{place.prefix}{message}", fix, severity)
