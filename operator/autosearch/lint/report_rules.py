"""Does the script report its result as the contract has it?

Owns: rules AS020 to AS025 and, for PBT, AS030 to AS034.
"""

import ast
from collections.abc import Iterator

from autosearch.lint.flags import UNKNOWN, literal
from autosearch.lint.parameter_rules import first_place, one_value
from autosearch.lint.rules import Finding, Severity, finding
from autosearch.lint.script import Module, Place, Script, last_name

KEYWORDS = ("metric", "export_model_path", "checkpoint_path")
_CALL = (
    "AMaasTools(args.job_id, args.trial_id).report_final_result("
    'metric={args.metric: value}, export_model_path=..., checkpoint_path="")'
)
_IDS = ("job_id", "trial_id")
Call = tuple[Module, ast.Call]


def reports_of(script: Script) -> list[Call]:
    """All calls of `report_final_result`."""
    return list(script.calls("report_final_result"))


def arguments_of(call: ast.Call) -> dict[str, ast.expr]:
    """The call's arguments by keyword, positional ones included."""
    by_position = dict(zip(KEYWORDS, call.args, strict=False))
    return by_position | {each.arg: each.value for each in call.keywords if each.arg is not None}


def is_open(call: ast.Call) -> bool:
    """Whether `*` or `**` hides arguments."""
    return any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords)


def check_report(script: Script, metric: str | None) -> Iterator[Finding]:
    """Check that there is a report, and each report's form."""
    reports = reports_of(script)
    if not reports and not script.mentions("AUTOSEARCH_RESULT"):
        yield finding(
            "AS020",
            Place(_last_line(script)),
            "no call of `report_final_result` is seen: a trial without a report has failed",
            f"write `{_CALL}` at the end",
            "warning" if script.delegates else "error",
        )
    for report in reports:
        yield from _check_keywords(report, metric)
        yield from _check_folder(script, report)
    yield from _check_ignored(script)
    yield from _check_ids(script)


def _last_line(script: Script) -> int:
    body = script.modules[0].tree.body
    return body[-1].lineno if body else 1


def _check_keywords(report: Call, metric: str | None) -> Iterator[Finding]:
    module, call = report
    place = module.place(call.lineno)
    arguments = arguments_of(call)
    for name in arguments:
        if name not in KEYWORDS:
            message = f"`report_final_result` has no argument `{name}`"
            yield finding("AS021", place, message, f"its arguments are {', '.join(KEYWORDS)}")
    if is_open(call):
        return
    if "metric" not in arguments:
        yield finding("AS021", place, "the report has no `metric`", "write `metric={args.metric: value}`")
    else:
        yield from _check_metric(arguments["metric"], place, metric)
    if "export_model_path" not in arguments:
        message = "the report has no `export_model_path`, so no model is kept"
        yield finding("AS021", place, message, "pass the folder that holds the model", "warning")


def _check_metric(node: ast.expr, place: Place, metric: str | None) -> Iterator[Finding]:
    fix = "write `metric={args.metric: value}`"
    value = literal(node)
    if isinstance(node, ast.Set | ast.List | ast.Tuple) or (value is not UNKNOWN and not isinstance(value, dict)):
        yield finding("AS021", place, f"`metric` must be a dictionary, found `{ast.unparse(node)}`", fix)
    if not isinstance(node, ast.Dict):
        return
    keys = [literal(key) for key in node.keys if key is not None]
    if None in node.keys or not all(isinstance(key, str) for key in keys):
        return
    if metric is not None and metric not in keys:
        found = ", ".join(keys) or "nothing"
        yield finding("AS021", place, f"the job's metric is `{metric}`, but the report has {found}", fix)


def _check_folder(script: Script, report: Call) -> Iterator[Finding]:
    module, call = report
    node = arguments_of(call).get("export_model_path")
    if not isinstance(node, ast.Attribute) or node.attr != "output_dir":
        return
    if "output_dir" not in script.flags or _changes_output(script):
        return
    yield finding(
        "AS024",
        module.place(call.lineno),
        "`export_model_path` is the output root, which all trials share",
        "report `os.path.join(args.output_dir, args.job_id, args.trial_id)`, and save the model there",
    )


def _changes_output(script: Script) -> bool:
    """Whether `output_dir` is set anywhere: as an attribute, under a key, or as a keyword of a call."""
    for _, node in script.nodes():
        if isinstance(node, ast.Attribute) and node.attr == "output_dir" and isinstance(node.ctx, ast.Store):
            return True
        if isinstance(node, ast.keyword) and node.arg == "output_dir":
            return True
    return any(text == "output_dir" for _, text in script.strings)


def _check_ignored(script: Script) -> Iterator[Finding]:
    for module, node in script.nodes():
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and last_name(call.func) == "report_final_result":
            message = "the report's answer is ignored, so a refused report goes unnoticed"
            fix = "write `flag, ret_msg = ...report_final_result(...)` and `assert flag, ret_msg`"
            yield finding("AS022", module.place(call.lineno), message, fix, "warning")


def _check_ids(script: Script) -> Iterator[Finding]:
    fix = "write `AMaasTools(args.job_id, args.trial_id)`"
    for module, call in script.calls("AMaasTools"):
        place = module.place(call.lineno)
        if is_open(call):
            continue
        given = [*call.args, *(each.value for each in call.keywords)]
        if len(given) != len(_IDS):
            yield finding("AS023", place, f"`AMaasTools` takes two ids, found {len(given)}", fix)
        elif any(literal(node) is not UNKNOWN for node in given):
            yield finding("AS023", place, "the ids are fixed texts, so the report is another trial's", fix)
        elif [last_name(node) for node in given] == list(reversed(_IDS)):
            yield finding("AS023", place, "the two ids are in the wrong order", fix)


def check_progress(script: Script) -> Iterator[Finding]:
    """Check that a script whose job has `earlyStopping` says how far it is (AS025)."""
    reported = any(True for _ in script.calls("report_progress"))
    if reported or script.delegates or script.mentions("AUTOSEARCH_SOCKET"):
        return
    reports = reports_of(script)
    place = reports[0][0].place(reports[0][1].lineno) if reports else Place(_last_line(script))
    yield finding(
        "AS025",
        place,
        "the job has `earlyStopping`, but no call of `report_progress` is seen: nothing will be stopped",
        "write `if report_progress(epoch, {args.metric: value}).stop: break` in the training loop",
        "warning",
    )


def check_resume(script: Script, *, passed: bool, interval: bool) -> Iterator[Finding]:
    """Check the two flags of PBT (AS030, AS031) as far as they are passed."""
    for rule_id, name, kind, wanted in (
        ("AS030", "resume_checkpoint_path", 'type=str, default=""', passed),
        ("AS031", "perturb_interval", "type=int, default=10", interval),
    ):
        declared = script.flags.get(name)
        if declared is not None:
            problem = one_value(name, declared.flag, declared.place)
            if problem is not None:
                yield problem
        elif wanted and not script.hidden_flags:
            message = f"`--{name}` is passed to this job's trials, but is not declared"
            yield finding(rule_id, first_place(script), message, f'write `parser.add_argument("--{name}", {kind})`')


def check_inheritance(script: Script, *, certain: bool) -> Iterator[Finding]:
    """Check that weights are handed on and taken over (AS032 to AS034).

    Args:
        script: one that declares `--resume_checkpoint_path`.
        certain: the job uses PBT; otherwise findings are warnings, for the script may be used with either.
    """
    severity: Severity = "error" if certain else "warning"
    for module, call in reports_of(script):
        node = arguments_of(call).get("checkpoint_path")
        if not is_open(call) and (node is None or literal(node) in ("", None)):
            message = "`checkpoint_path` is empty, but with PBT the next trial goes on from this file"
            fix = 'pass the model FILE, as in `os.path.join(args.output_dir, "model.pkl")`'
            yield finding("AS032", module.place(call.lineno), message, fix, severity)
    yield from _check_restored(script, severity)


def _check_restored(script: Script, severity: Severity) -> Iterator[Finding]:
    declared = script.flags.get("resume_checkpoint_path")
    if declared is not None and not script.reads(declared.flag.dest) and not script.arguments_leave:
        message = "the file in `--resume_checkpoint_path` is never read, so no weights are inherited"
        fix = f"write `if args.{declared.flag.dest}: model.load_state_dict(torch.load(args.{declared.flag.dest}))`"
        yield finding("AS033", declared.place, message, fix, severity)
    for module, call in script.calls("load_state_dict"):
        owner = call.func.value if isinstance(call.func, ast.Attribute) else call.func
        if "opt" in (last_name(owner) or "").lower() and not script.reads("param_groups"):
            message = "the restored optimizer brings back its old learning rate, so what PBT proposes has no effect"
            fix = "set it again after restoring: `for group in optimizer.param_groups: group['lr'] = args.lr`"
            yield finding("AS034", module.place(call.lineno), message, fix, "warning")
