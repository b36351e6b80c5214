"""The static check accuses what breaks the contract, and nothing else; these scripts have the contract's own form."""

import re
import textwrap
from pathlib import Path

import pytest

from autosearch.lint import RULES, lint_source

PAGE = Path(__file__).parents[2] / "docs" / "write-a-script.md"
PLAIN = """
import argparse
import os
import pickle
import time

from sklearn.svm import SVC
from rudder_autosearch.sdk.amaas_tools import AMaasTools


def parse_arg():
    parser = argparse.ArgumentParser(description="svm")
    parser.add_argument("--train_dir", type=str, default="./train_data")
    parser.add_argument("--test_dir", type=str, default="./test_data")
    parser.add_argument("--output_dir", type=str, default="./output")
    parser.add_argument("--job_id", type=str, default="job-1234")
    parser.add_argument("--trial_id", type=str, default="0-0")
    parser.add_argument("--metric", type=str, default="f1_score")
    parser.add_argument("--data_sampling_scale", type=float, default=1.0)
    parser.add_argument("--kernel", type=str, default="linear", choices=["linear", "rbf"])
    parser.add_argument("--C", type=float, default=1)
    parser.add_argument("--depth", type=int, default=6)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--ratio", type=float, default=0.5)
    parser.add_argument("--use_bn", type=lambda text: text == "True", default=True)
    args = parser.parse_args()
    args.output_dir = os.path.join(args.output_dir, args.job_id, args.trial_id)
    return args


def report_final(args, metric):
    print("reporting")
    for _ in range(3):
        flag, ret_msg = AMaasTools(args.job_id, args.trial_id).report_final_result(
            metric={args.metric: metric}, export_model_path=args.output_dir, checkpoint_path="")
        print(flag, ret_msg)
        if flag:
            break
        time.sleep(1)
    assert flag, "Report final result to manager failed!"


def main():
    args = parse_arg()
    model = SVC(kernel=args.kernel, C=args.C)
    value = args.depth * args.size * args.ratio * args.use_bn * args.data_sampling_scale
    pickle.dump(model, open(os.path.join(args.output_dir, "clf.pickle"), "wb"))
    report_final(args, metric=value)


main()
"""
PARAMETERS = [
    {"name": "kernel", "categorical": {"choices": ["linear", "rbf"]}},
    {"name": "C", "float": {"min": 0.1, "max": 10.0, "scale": "Log"}},
    {"name": "depth", "int": {"min": 1, "max": 8}},
    {"name": "size", "discrete": {"values": [32, 64]}},
    {"name": "ratio", "discrete": {"values": [0.5, 1]}},
    {"name": "use_bn", "boolean": {}},
]
PBT = """
import argparse
import os
import torch
from rudder_autosearch.sdk.amaas_tools import AMaasTools

parser = argparse.ArgumentParser()
parser.add_argument("--train_dir", default="./train_data", type=str)
parser.add_argument("--test_dir", default="./test_data", type=str)
parser.add_argument("--output_dir", default="./output", type=str)
parser.add_argument("--job_id", default="job-1234", type=str)
parser.add_argument("--trial_id", default="0-0", type=str)
parser.add_argument("--metric", default="acc", type=str)
parser.add_argument("--data_sampling_scale", default=1.0, type=float)
parser.add_argument("--lr", default=0.01, type=float)
parser.add_argument("--no_cuda", action="store_true", default=False)
parser.add_argument("--resume_checkpoint_path", default="", type=str)
parser.add_argument("--perturb_interval", default=10, type=int)
args = parser.parse_args()
args.output_dir = os.path.join(args.output_dir, args.job_id, args.trial_id)
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
if args.resume_checkpoint_path != "":
    state = torch.load(args.resume_checkpoint_path)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    for group in optimizer.param_groups:
        group["lr"] = args.lr
for epoch in range(args.perturb_interval):
    pass
flag, ret_msg = AMaasTools(args.job_id, args.trial_id).report_final_result(
    metric={args.metric: 0.5},
    export_model_path=args.output_dir,
    checkpoint_path=os.path.join(args.output_dir, "model.pkl"))
assert flag, ret_msg
"""
LR = [{"name": "lr", "float": {"min": 0.001, "max": 0.1}}]
PREDICT = """
MODEL_FILE_NAME = "model.pkl"
def model_fn(model_dir): pass
def input_fn(request): pass
def output_fn(predict_result): pass
"""
SAVED = 'os.path.join(args.output_dir, "model.pkl")'


def lint(source=PLAIN, parameters=PARAMETERS, **options):
    """Findings for the plain script, under a random search on f1_score."""
    return lint_source(source, "train.py", parameters, **{"algorithm": "random", "metric": "f1_score", **options})


def lint_pbt(source=PBT, **options):
    """Findings for the PBT script, under a PBT job that passes everything."""
    return lint_source(
        source, "train.py", LR, **{"algorithm": "pbt", "metric": "acc", "perturb_interval": True, **options}
    )


def changed(source, old, new=""):
    """The script with one thing changed."""
    assert old in source
    return source.replace(old, new)


def without(source, *options):
    """The script without the declarations of some flags."""
    return "\n".join(line for line in source.splitlines() if not any(f'"--{option}"' in line for option in options))


def ids(findings):
    """Rule ids with their severity's first letter."""
    return [f"{finding.rule_id}{finding.severity[0]}" for finding in findings]


def plain(old, new=""):
    """Findings after one change of the plain script."""
    return lint(changed(PLAIN, old, new))


def pbt(old, new="", **options):
    """Findings after one change of the PBT script."""
    return lint_pbt(changed(PBT, old, new), **options)


# For each rule, one script that breaks it and nothing else: id with severity -> findings.
BROKEN = {
    "AS001e": lambda: lint("def broken(:\n"),
    "AS002e": lambda: lint(
        "import click\nfrom x import AMaasTools\nm = {}\nf, r = AMaasTools(a, b).report_final_result(m, d, '')\n"
    ),
    "AS003w": lambda: lint(
        "from ours import get_args\nargs = get_args()\nf, r = AMaasTools(a, b).report_final_result(m, d, '')\n"
    ),
    "AS004e": lambda: plain('"--depth"', '"--max_depth"'),
    "AS005e": lambda: plain('"--C", type=float', '"--C", type=int'),
    "AS006e": lambda: plain('["linear", "rbf"]', '["linear", "poly"]'),
    "AS007e": lambda: plain('type=lambda text: text == "True"', "type=bool"),
    "AS008e": lambda: plain('type=lambda text: text == "True", default=True', 'action="store_true"'),
    "AS009e": lambda: lint(without(PLAIN, "metric")),
    "AS010e": lambda: plain('"--data_sampling_scale", type=float', '"--data_sampling_scale", type=int'),
    "AS011e": lambda: plain('default="./train_data"', 'default="/data/mine"'),
    "AS012e": lambda: plain(
        "args = parser", 'parser.add_argument("--epochs", type=int, required=True)\n    args = parser'
    ),
    "AS013e": lambda: plain("args = parser", 'parser.add_argument("folder")\n    args = parser'),
    "AS014e": lambda: plain("args.output_dir, args.job_id,", "args.output_dir, args.job-id,"),
    "AS015w": lambda: plain("args.depth *"),
    "AS016e": lambda: plain("parse_args()", "parse_args([])"),
    "AS020e": lambda: lint(PLAIN.replace("report_final_result", "report")),
    "AS021e": lambda: plain("{args.metric: metric}", "metric=metric".partition("=")[2] and "{'acc': metric}"),
    "AS022w": lambda: pbt("flag, ret_msg = AMaasTools", "AMaasTools"),
    "AS023e": lambda: plain("AMaasTools(args.job_id, args.trial_id)", 'AMaasTools("job-1234", "0-0")'),
    "AS024e": lambda: lint(
        PLAIN.replace("args.output_dir = os", "folder = os"),
    ),
    "AS025w": lambda: lint(early_stopping=True),
    "AS030e": lambda: lint_pbt(
        without(PBT, "resume_checkpoint_path").replace("args.resume_checkpoint_path", "args.resume")
        + "\nprint('resume_checkpoint_path')\n"
    ),
    "AS031e": lambda: lint_pbt(without(PBT, "perturb_interval")),
    "AS032e": lambda: pbt(SAVED, '""'),
    "AS033e": lambda: lint_pbt(PBT.replace("args.resume_checkpoint_path", "args.resume")),
    "AS034w": lambda: pbt('    for group in optimizer.param_groups:\n        group["lr"] = args.lr\n'),
    "AS040w": lambda: lint_pbt(framework="PyTorch"),
    "AS041w": lambda: lint_pbt(
        framework="PyTorch", inference_sources={"pytorch_predict.py": "def model_fn(d): pass\n"}
    ),
}


@pytest.mark.parametrize("wanted", BROKEN)
def test_each_rule_finds_its_own_mistake_alone(wanted):
    """A script with one mistake gets one finding, of the right rule and severity, with words and a fix."""
    findings = BROKEN[wanted]()
    assert ids(findings) == [wanted], findings
    assert findings[0].message
    assert findings[0].fix
    assert findings[0].line >= 1


def test_every_rule_has_a_broken_script():
    """No rule is without a script that breaks it."""
    assert {key[:5] for key in BROKEN} == set(RULES)


@pytest.mark.parametrize("rule_id", RULES)
def test_every_rule_is_explained_in_the_page(rule_id):
    """Each rule has a heading of its own, hence an anchor, in docs/write-a-script.md, with an explanation below it."""
    page = PAGE.read_text(encoding="utf-8")
    section = re.search(rf"^### {rule_id}: (.+)\n\n((?:(?!#).*\n)+)", page, re.MULTILINE)
    assert section, rule_id
    assert section[1] == RULES[rule_id]
    assert len(section[2]) > 80


def test_no_rule_is_explained_that_does_not_exist():
    """The page explains no other rule than there are."""
    assert set(re.findall(r"\bAS\d{3}\b", PAGE.read_text(encoding="utf-8"))) == set(RULES)


@pytest.mark.parametrize("algorithm", [None, "random", "tpe", "cmaes", "pso", "grid"])
def test_correct_script_is_clean(algorithm):
    """The contract's sample shape gives no finding under any algorithm without weights to inherit."""
    assert lint(algorithm=algorithm) == []


def test_correct_pbt_script_is_clean():
    """The contract's PBT shape gives no finding, whether or not the interval is passed, with its inference code."""
    sources = {"pytorch_predict.py": PREDICT}
    assert lint_pbt(framework="PyTorch", inference_sources=sources) == []
    assert lint_pbt(perturb_interval=False) == []


def test_pbt_script_is_clean_for_other_algorithms():
    """A script that can resume is fine for a search that never asks it to."""
    assert lint_source(PBT, "train.py", LR, algorithm="tpe", metric="acc") == []


def test_without_a_job_the_contract_alone_is_checked():
    """Without a job file, parameters and metric are unknown and nothing is said of them."""
    assert lint_source(PLAIN, "train.py", None) == []
    assert lint_source(PBT, "train.py", None) == []


@pytest.mark.parametrize("framework", [None, "Sklearn", "TensorFlow"])
def test_inference_code_is_wanted_for_pytorch_only(framework):
    """Other frameworks need no inference file."""
    assert lint_pbt(framework=framework) == []


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ('"--C", type=float', '"--C"', "AS005w"),
        ('"--C", type=float', '"--C", type=str', "AS005w"),
        ('"--C", type=float', '"--C", type=bool', "AS007e"),
        ('"--C", type=float', '"--C", type=float, choices=[0.1, 1.0]', "AS006e"),
        ('"--C", type=float', '"--C", type=float, nargs=1', "AS008e"),
        ('"--C", type=float', '"--C", type=float, nargs="+"', "AS008e"),
        ('"--C", type=float', '"--C", type=float, action="append"', "AS008e"),
        ('"--C", type=float', '"-C", type=float', ""),
        ('"--depth", type=int', '"--depth", type=float', "AS005w"),
        ('"--depth", type=int', '"--depth", type=int, choices=range(1, 9)', ""),
        ('"--depth", type=int', '"--depth", type=int, choices=range(1, 8)', "AS006e"),
        ('"--size", type=int', '"--size", type=float', ""),
        ('"--size", type=int', '"--size", type=int, choices=[32, 64, 128]', ""),
        ('"--size", type=int', '"--size", type=int, choices=[64, 128]', "AS006e"),
        ('"--size", type=int', '"--size", choices=["32", "64"]', "AS005w"),
        ('"--ratio", type=float', '"--ratio", type=int', "AS005e"),
        ('"--ratio", type=float', '"--ratio", type=float, choices=[0.5, 1.0]', ""),
        ('"--kernel", type=str', '"--kernel", type=int', "AS005e AS006e"),
        ('"--kernel", type=str, default="linear", choices=["linear", "rbf"]', '"--kernel"', ""),
        ('"--kernel", type=str, default="linear", choices=["linear", "rbf"]', '"--kernel", choices=KERNELS', ""),
        ('type=lambda text: text == "True"', "type=str", "AS005w"),
        ('type=lambda text: text == "True"', "type=int", "AS005e"),
        ('type=lambda text: text == "True"', 'choices=["True", "False"]', ""),
        ('type=lambda text: text == "True"', 'choices=["true", "false"]', "AS006e"),
        ('type=lambda text: text == "True"', "type=str2bool", ""),
        ('type=lambda text: text == "True"', "action=argparse.BooleanOptionalAction", "AS008e"),
        ('"--use_bn", type=lambda text: text == "True", default=True', '"--use_bn", **EXTRA', ""),
        ('"--use_bn"', '"--bn", "--use_bn", dest="use_bn"', ""),
    ],
)
def test_types_against_kinds(old, new, wanted):
    """Each way to declare a parameter is judged by the texts its kind passes; what cannot be known is not accused."""
    source = changed(PLAIN, old, new)
    assert " ".join(ids(lint(source))) == wanted, lint(source)


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ('default="./test_data"', 'default="test_data/"', ""),
        ('default="./test_data"', "default=os.environ['X']", ""),
        (', default="./test_data"', "", "AS011e"),
        (', default="./test_data"', ", required=True", "AS011e AS012e"),
        ('"--job_id", type=str', '"--job_id", type=int', "AS010e"),
        ('"--job_id", type=str, ', '"--job_id", ', ""),
        ('"--job_id", type=str, default="job-1234"', '"--job_id", required=True', ""),
        ('"--data_sampling_scale", type=float', '"--data_sampling_scale"', "AS010w"),
        ('"--data_sampling_scale"', '"--data-sampling-scale"', "AS014e"),
        ('"--job_id"', '"--job-id"', "AS014e"),
        ('"--trial_id"', '"--trial-id"', "AS014e"),
        ('default="./train_data"', 'default="./trian_data"', "AS011e AS014e"),
        ("args = parser", 'parser.set_defaults(output_dir="/x")\n    args = parser', "AS011e"),
        ("args = parser", 'parser.set_defaults(output_dir="./output")\n    args = parser', ""),
        ("parse_args()", "parse_known_args()[0]", ""),
        ("parse_args()", "parse_args(args=['--C', '1'])", "AS016e"),
        ("parse_args()", "parse_args(sys.argv[1:])", ""),
        ("args = parser.parse_args()", "args = parser.get()", "AS016w"),
        ("args = parser", 'parser.add_argument("folder", nargs="?")\n    args = parser', ""),
        ("args = parser", 'parser.add_argument("--debug", type=bool, default=False)\n    args = parser', "AS007w"),
        ("args = parser", 'parser.add_argument("--seed", type=int, default=0)\n    args = parser', ""),
    ],
)
def test_contract_flags(old, new, wanted):
    """Each way to get the contract's own flags wrong is named, and the harmless variants are left alone."""
    assert " ".join(sorted(ids(plain(old, new)))) == wanted, plain(old, new)


def test_missing_flags_are_warnings_when_unknown_ones_are_ignored():
    """With `parse_known_args` an undeclared flag does not end the script: a warning for the contract's own."""
    source = changed(without(PLAIN, "metric", "job_id"), "parse_args()", "parse_known_args()[0]")
    assert ids(lint(source)) == ["AS009w", "AS009w"]


def test_undeclared_folders_are_warnings():
    """The three folder flags are never passed, so a script without them runs."""
    source = without(PLAIN, "train_dir", "test_dir")
    assert ids(lint(source)) == ["AS009w", "AS009w"]


def test_near_miss_of_a_parameter_is_named():
    """An undeclared parameter comes with the declared name that is nearest, and with the line to write."""
    (found,) = lint(changed(PLAIN, '"--depth"', '"--dept"'))
    assert "`--dept`" in found.message
    assert found.fix == 'write `parser.add_argument("--depth", type=int)`'


def test_a_missing_boolean_is_given_a_type_that_reads_it():
    """What AS004 says to write for a boolean is accused by no other rule."""
    [found] = lint(without(PLAIN, "use_bn").replace(" * args.use_bn", ""))
    line = re.search(r"`(parser\.add_argument.*)`", found.fix)[1]
    assert (
        lint(changed(PLAIN, 'parser.add_argument("--use_bn", type=lambda text: text == "True", default=True)', line))
        == []
    )


def test_a_script_that_reports_progress_may_be_stopped_early():
    """With a call of `report_progress` nothing is said about early stopping; nor where the job has none."""
    reporting = changed(PLAIN, "    pickle.dump", "    report_progress(1, {args.metric: value})\n    pickle.dump")
    assert lint(reporting, early_stopping=True) == []
    assert lint(PLAIN) == []


def test_hyphen_in_a_parameter_is_named():
    """`--use-bn` is another flag than `--use_bn`, though argparse stores both under one name."""
    (found,) = lint(changed(PLAIN, '"--use_bn"', '"--use-bn"'))
    assert (found.rule_id, found.fix) == ("AS004", "write `--use_bn`")


@pytest.mark.parametrize(
    ("statement", "message"),
    [("args.job-id = 1", "args.job-id"), ("x = args.job-id", "args.job-id"), ("x = opt.trial-id", "opt.trial-id")],
)
def test_misprinted_ids_are_named_even_if_no_python(statement, message):
    """`args.job-id` is named as the page's misprint, also where it makes the file unreadable."""
    findings = lint(PLAIN + f"\n{statement}\n")
    assert any(found.rule_id == "AS014" and message in found.message for found in findings)


@pytest.mark.parametrize("source", ["def f(:", "print 'x'", "a = '\0'", "(" * 10_000, "x = '\n", "\tif"])
def test_unreadable_scripts_are_findings(source):
    """A file that is no Python gives one finding with its line, never a traceback."""
    assert ids(lint(source)) == ["AS001e"]


@pytest.mark.parametrize("source", ["", "# nothing\n", "import sys\nprint(sys.argv)\n"])
def test_empty_scripts_lack_everything(source):
    """A script without argparse and without a report gets one finding for each."""
    assert ids(lint(source)) == ["AS002e", "AS020e"]


def test_invalid_escape_is_no_concern():
    """A warning of Python's own about the user's file does not get out."""
    assert lint(PLAIN + "\nx = '\\d'\n") == []


def test_environment_instead_of_argparse_is_accepted():
    """A script that reads AUTOSEARCH_PARAMETERS and writes AUTOSEARCH_RESULT needs neither argparse nor SDK."""
    source = """
import os, json
p = json.loads(os.environ["AUTOSEARCH_PARAMETERS"])
open(os.environ["AUTOSEARCH_RESULT"], "w")
"""
    assert lint(source) == []


def test_library_that_is_not_argparse_is_named():
    """One finding names the library; the flags it declares are not accused one by one."""
    (found, *rest) = lint("import click\n@click.option('--C')\ndef main(): pass\n")
    assert "`click`" in found.message
    assert ids(rest) == ["AS020e"]


@pytest.mark.parametrize(
    "parser",
    [
        "for name in NAMES:\n        parser.add_argument(f'--{name}')",
        "add_model_flags(parser)",
        "parser = argparse.ArgumentParser(parents=[common])",
    ],
)
def test_flags_that_cannot_be_seen_are_not_accused(parser):
    """Where flags are added out of sight, one warning says so and none is called missing."""
    source = changed(without(PLAIN, "metric", "depth"), "args = parser", f"{parser}\n    args = parser")
    source = "from ours import add_model_flags\n" + source
    assert ids(lint(source)) == ["AS003w"]


def test_parser_in_a_module_beside_the_script_is_read():
    """Flags declared in an imported module that is given are checked, shown at the import and naming the file."""
    head, _, tail = PLAIN.partition("\ndef report_final")
    module = head.replace("type=int, default=6)", "type=bool, default=6)")
    imports = "import os, pickle, time\nfrom options import parse_arg\n"
    imports += "from rudder_autosearch.sdk.amaas_tools import AMaasTools\nfrom sklearn.svm import SVC\n"
    script = f"{imports}\n\ndef report_final{tail}"
    (found,) = lint(script, inference_sources={"options.py": module, "other.py": "syntax error here"})
    assert (found.rule_id, found.line) == ("AS007", 2)
    assert "in options.py, line" in found.message
    assert ids(lint(script)) == ["AS003w"]


def test_module_beside_the_script_that_is_broken_counts_as_not_given():
    """A syntax error next door is no traceback; the parser just cannot be seen."""
    source = "from options import get_args\nargs = get_args()\nf, r = AMaasTools(a, b).report_final_result(m, d, '')\n"
    assert ids(lint(source, inference_sources={"options.py": "def (:"})) == ["AS003w"]


def test_modules_that_import_each_other_end():
    """A circle of imports is read once."""
    circle = {"a.py": "import b", "b.py": "import a\nimport train"}
    assert lint("import a\n" + PLAIN, inference_sources=circle) == []


@pytest.mark.parametrize(
    ("report", "wanted"),
    [
        ("({args.metric: 1}, args.output_dir, '')", ""),
        ("(metric={'f1_score': 1}, export_model_path=d)", ""),
        ("(**report)", ""),
        ("(*report)", ""),
        ("(metric=metrics, export_model_path=d)", ""),
        ("(metric=dict(a=1), export_model_path=d)", ""),
        ("(metric=0.5, export_model_path=d)", "AS021e"),
        ("(metric={args.metric, 1}, export_model_path=d)", "AS021e"),
        ("(metric={}, export_model_path=d)", "AS021e"),
        ("(export_model_path=d)", "AS021e"),
        ("(metric={'accuracy': 1}, export_model_path=d)", "AS021e"),
        ("(metric={'accuracy': 1, 'f1_score': 2}, export_model_path=d)", ""),
        ("(metrics={args.metric: 1}, export_model_path=d)", "AS021e AS021e"),
        ("(metric={args.metric: 1})", "AS021w"),
    ],
)
def test_forms_of_a_report(report, wanted):
    """Each form of the call is judged by what can be known of its arguments."""
    source = PLAIN + f"\nflag, msg = AMaasTools(args.job_id, args.trial_id).report_final_result{report}\n"
    assert " ".join(ids(lint(source))) == wanted, lint(source)


@pytest.mark.parametrize(
    ("ids_given", "wanted"),
    [
        ("()", "AS023e"),
        ("(args.job_id)", "AS023e"),
        ("(args.trial_id, args.job_id)", "AS023e"),
        ("(job_id=args.job_id, trial_id=args.trial_id)", ""),
        ("(*both)", ""),
        ("(job, trial)", ""),
    ],
)
def test_ids_of_the_report(ids_given, wanted):
    """The SDK is made with the trial's own two ids, in their order."""
    assert " ".join(ids(plain("AMaasTools(args.job_id, args.trial_id)", f"AMaasTools{ids_given}"))) == wanted


def test_resume_flag_is_wanted_for_retries_from_a_checkpoint():
    """`retryFrom: LastCheckpoint` passes the flag too, so it must be declared."""
    assert ids(lint(resumes=True)) == ["AS030e"]


def test_pbt_of_a_plain_script_names_all_that_is_missing():
    """A script without PBT's flags under a PBT job: both flags and the checkpoint."""
    assert ids(lint(algorithm="pbt", perturb_interval=True)) == ["AS030e", "AS031e", "AS032e"]


def test_empty_checkpoint_is_a_warning_when_the_algorithm_is_unknown():
    """Without a job file, a script that can resume but reports no checkpoint is warned."""
    source = changed(PBT, SAVED, '""')
    assert ids(lint_source(source, "train.py", None)) == ["AS032w"]


def test_inference_code_in_the_script_itself_counts():
    """The four names may stand in the training script."""
    assert lint_pbt(PBT + PREDICT, framework="PyTorch") == []


def test_findings_are_in_the_order_of_lines():
    """Findings come sorted by line and none comes twice."""
    lines = [found.line for found in lint(without(PLAIN, "kernel", "C").replace("./test_data", "x"))]
    assert lines == sorted(lines)
    assert len(lines) == 3


def test_parameters_that_leave_whole_are_not_called_unread():
    """With `vars(args)`, or arguments given to code that was not read, nothing is known of what is used."""
    unread = changed(PLAIN, "args.depth *")
    assert lint(unread + "\nprint(vars(args))\n") == []
    assert lint(textwrap.dedent("from model import fit") + unread + "\nfit(args)\n") == []
    assert ids(lint(unread + "\nprint(args)\n")) == ["AS015w"]


def test_complete_script_of_the_page_is_clean():
    """The page's own script follows the page."""
    source = re.search(r"## A complete script\n\n```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    parameters = [PARAMETERS[0], PARAMETERS[1]]
    assert lint_source(source, "train.py", parameters, algorithm="tpe", metric="acc") == []


def test_links_of_the_page_lead_somewhere():
    """Each link into the page has its heading."""
    page = PAGE.read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= headings


@pytest.mark.parametrize("call", ["main()", "raise SystemExit(main())", "run_training()"])
def test_script_that_leaves_its_work_to_an_unseen_module_is_not_accused(call):
    """Where another module does everything, two warnings say that nothing can be seen."""
    assert ids(lint(f"from ours import main, run_training\n{call}\n")) == ["AS003w", "AS020w"]


@pytest.mark.parametrize(
    "statement",
    [
        "args = argparse.Namespace(**{**vars(args), 'output_dir': folder})",
        "args = copy_of(args, output_dir=folder)",
        "setattr(args, 'output_dir', folder)",
    ],
)
def test_other_ways_to_set_the_output_folder_are_seen(statement):
    """The composed path may be put into the arguments in any way."""
    source = PLAIN.replace("args.output_dir = os.path", "folder = os.path").replace(
        "return args", f"{statement}\n    return args"
    )
    assert lint(source) == []


def test_library_functions_are_not_taken_for_the_scripts_work():
    """`train_test_split` or `classification_report` do not make a missing report a mere warning."""
    imports = (
        "from sklearn.model_selection import train_test_split\nfrom sklearn.metrics import classification_report\n"
    )
    source = (
        imports + PLAIN.replace("report_final_result", "send") + "\ntrain_test_split(1)\nclassification_report(2)\n"
    )
    assert ids(lint(source)) == ["AS020e"]
