"""The command line as users meet it: what each command prints, and where; exit codes; never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from autosearch.cli import main, parser

ROOT = Path(__file__).parents[2]
REPORT = 'echo "{\\"acc\\": $AUTOSEARCH_PARAM_x}" > "$AUTOSEARCH_RESULT"'
VENDOR = ROOT / "tests" / "unit" / "data" / "vendor"


def a_file(path: Path, script: str = REPORT, **spec) -> str:
    """Write a job whose trials are a shell script."""
    fields = {
        "objective": {"metric": "acc", "direction": "Maximize"},
        "parameters": [{"name": "x", "float": {"min": 0.0, "max": 1.0}}],
        "algorithm": {"random": {}},
        "maxTrials": 3,
        "arguments": "None",
        "seed": 7,
        "template": {"spec": {"containers": [{"name": "trial", "command": ["sh", "-c", script]}]}},
        **spec,
    }
    document = {"apiVersion": "autosearch.dev/v1alpha1", "kind": "AutoSearchJob", "metadata": {"name": "job"}}
    path.write_text(yaml.safe_dump({**document, "spec": fields}))
    return str(path)


@pytest.fixture
def run(tmp_path, capsys):
    """Give a function that runs a search and returns exit code, standard output and error."""

    def ran(*more: str, **spec):
        file = a_file(tmp_path / "job.yaml", **spec)
        code = main(["run", "-f", file, "--output", str(tmp_path / "out"), "--plain", *more])
        return (code, *capsys.readouterr())

    return ran


def test_run_ends_with_the_best_model_and_the_page(run, tmp_path):
    """A search that completes is exit code 0, with the best trial and the report's place in the last lines."""
    code, out, _ = run()

    assert code == 0
    assert "job: Complete (AllTrialsFinished)" in out
    assert "best    acc" in out
    assert (tmp_path / "out" / "report.html").exists()


def test_run_again_says_that_it_is_finished(run):
    """The same command on a finished search does nothing, says so, and is exit code 0."""
    run()
    code, out, _ = run()

    assert code == 0
    assert "is finished; to search again, give another --output" in out
    assert "3 succeeded" in out


def test_a_failed_search_is_exit_code_1_with_the_reason(run):
    """When the search fails, the last line says why and what to do."""
    code, out, err = run(script="echo boom >&2; exit 127")

    assert code == 1
    assert "BrokenScript" in err
    assert "boom" in out
    assert "/out/logs" in out
    assert "has failed; once the script is mended, give another --output" in run(script="echo boom >&2; exit 127")[1]


def test_a_changed_search_space_is_refused(run):
    """Old state is not continued with other parameters; the message names the field; exit code 2."""
    run()
    code, _, err = run(parameters=[{"name": "y", "boolean": {}}])

    assert code == 2
    assert "spec.parameters" in err


@pytest.mark.parametrize(
    ("field", "flag"), [("code", "--code"), ("trainData", "--train-data"), ("testData", "--test-data")]
)
def test_a_declared_folder_needs_its_flag(run, field, flag):
    """What the job mounts on a cluster must be given locally; the flag is named; exit code 2."""
    code, _, err = run(**{field: {"volume": {}}})

    assert code == 2
    assert f"spec.{field}" in err
    assert flag in err


def test_flags_override_the_file(run, tmp_path):
    """--name, --command and --parallel win over what the file says."""
    command = f"sh -c '{REPORT}'"
    code, out, _ = run("--name", "other", "--command", command, "--parallel", "2", script="exit 1")

    assert (code, "other: Complete" in out) == (0, True)
    job = json.loads((tmp_path / "out" / "job.json").read_text())
    assert (job["metadata"]["name"], job["spec"]["parallelTrials"]) == ("other", 2)


def test_a_wrong_file_is_exit_code_2_with_a_line_for_each_problem(tmp_path, capsys):
    """All problems come at once, on standard error, without a traceback."""
    file = a_file(tmp_path / "job.yaml", parallelTrials=0, maxTrails=3, algorithm="auto")
    for command in (["validate", "-f", file], ["run", "-f", file, "--output", str(tmp_path / "out")]):
        assert main(command) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert len(err.strip().splitlines()) == 3
        assert "did you mean `maxTrials`?" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "a: 1\n---\nb: 2", "\x00", "kind: AutoSearchJob"])
def test_what_is_no_job_is_exit_code_2(tmp_path, capsys, text):
    """Whatever the file holds, it is told in a line."""
    path = tmp_path / "job.yaml"
    path.write_text(text)

    assert main(["validate", "-f", str(path)]) == 2
    assert capsys.readouterr().err.strip()


def test_a_file_that_cannot_be_read_is_exit_code_2(tmp_path, capsys):
    """A missing, a binary and a folder's path are told with their reason."""
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none", binary, tmp_path):
        assert main(["validate", "-f", str(path)]) == 2
        assert str(path) in capsys.readouterr().err


def test_validate_says_what_a_right_file_asks_for(tmp_path, capsys):
    """A right file is told with its algorithm and its number of trials."""
    assert main(["validate", "-f", a_file(tmp_path / "job.yaml")]) == 0
    assert "valid; random, 3 trials, 1 at once, over x" in capsys.readouterr().out


def test_convert_prints_a_job_that_validates(tmp_path, capsys):
    """A vendor YAML becomes an AutoSearchJob on standard output; what was assumed stands on standard error."""
    source = next(VENDOR.glob("*pbt*.yml"), None) or min(VENDOR.glob("*.yml"))
    assert main(["convert", "-f", str(source), "--name", "mnist", "--command", "python mnist.py"]) == 0
    out, err = capsys.readouterr()

    (tmp_path / "job.yaml").write_text(out)
    assert main(["validate", "-f", str(tmp_path / "job.yaml")]) == 0
    assert yaml.safe_load(out)["spec"]["template"]["spec"]["containers"][0]["command"] == ["python", "mnist.py"]
    assert "note:" in err


def test_convert_into_keeps_the_bases_template(tmp_path, capsys):
    """`--into` puts the search into a job that has the template."""
    base = a_file(
        tmp_path / "base.yaml",
        arguments="Contract",
        template={"spec": {"containers": [{"name": "trial", "image": "mine:1", "command": ["python", "t.py"]}]}},
    )
    source = min(VENDOR.glob("*.yml"))

    assert main(["convert", "-f", str(source), "--into", base]) == 0
    document = yaml.safe_load(capsys.readouterr().out)
    assert document["metadata"]["name"] == "job"
    assert document["spec"]["template"]["spec"]["containers"][0]["image"] == "mine:1"


def test_convert_of_a_job_is_refused(tmp_path, capsys):
    """An AutoSearchJob needs no conversion, and the message says so."""
    assert main(["convert", "-f", a_file(tmp_path / "job.yaml")]) == 2
    assert "needs no conversion" in capsys.readouterr().err


def test_lint_finds_and_explains(tmp_path, capsys):
    """Findings name file, line and rule; errors are exit code 2, a clean script is 0."""
    script = tmp_path / "train.py"
    script.write_text("import argparse\nparser = argparse.ArgumentParser()\nargs = parser.parse_args()\n")

    assert main(["lint", str(script), "-f", a_file(tmp_path / "job.yaml")]) == 2
    assert f"{script}:" in capsys.readouterr().out
    example = ROOT / "examples" / "sklearn-digits"
    assert main(["lint", str(example / "train.py"), "-f", str(example / "job.yaml")]) == 0


def test_results_as_json_are_objects_of_the_api(run, tmp_path, capsys):
    """`results --json` prints the job and its trials with their statuses."""
    run()

    assert main(["results", str(tmp_path / "out"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["job"]["status"]["state"] == "Complete"
    assert [trial["status"]["state"] for trial in document["trials"]] == ["Succeeded"] * 3


def test_results_and_report_for_people(run, tmp_path, capsys):
    """`results` prints a table with the best first, `report` says where the page is."""
    run()

    assert main(["results", str(tmp_path / "out")]) == 0
    assert "0-0" in capsys.readouterr().out
    assert main(["report", str(tmp_path / "out"), "-o", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


def test_a_folder_without_a_search_is_exit_code_2(tmp_path, capsys):
    """`results` and `report` of a wrong folder say what to give."""
    for command in ("results", "report"):
        assert main([command, str(tmp_path)]) == 2
        assert "give the --output of a run" in capsys.readouterr().err


def test_a_suspended_job_is_exit_code_130_and_says_how_to_go_on(run):
    """Nothing runs, and the message names the field."""
    code, _, err = run(suspend=True)

    assert (code, "suspend: false" in err) == (130, True)


def test_suspending_a_finished_search_changes_nothing(run):
    """`suspend: true` put into the file of a complete search is exit code 0, for there is nothing to go on with."""
    run()
    code, out, err = run(suspend=True)

    assert (code, "suspended" in err) == (0, False)
    assert "job: Complete (AllTrialsFinished)" in out


BROKEN_TEMPLATES = [None, "x", {"spec": None}, {"spec": {"containers": 1}}, {"spec": {"containers": [1]}}]


@pytest.mark.parametrize("template", BROKEN_TEMPLATES)
def test_a_command_for_a_broken_template_is_told_in_lines(run, template):
    """`--command` finds no container to put it into, and the file's own mistake is told."""
    code, _, err = run("--command", "python train.py", template=template)

    assert code == 2
    assert err.startswith("spec.template")


@pytest.mark.parametrize("changes", [{"metadata": None}, *({"template": t} for t in BROKEN_TEMPLATES)])
def test_a_conversion_into_a_broken_base_is_told_in_lines(tmp_path, capsys, changes):
    """What is wrong with the base is named, with the command given or not."""
    base = yaml.safe_load(Path(a_file(tmp_path / "base.yaml")).read_text())
    (base if "metadata" in changes else base["spec"]).update(changes)
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(base))
    command = ["convert", "-f", str(VENDOR / "pytorch-pbt.yml"), "--into", str(tmp_path / "base.yaml")]

    for more in ([], ["--command", "python x.py"]):
        assert main([*command, *more]) == 2
        assert capsys.readouterr().err.startswith(("base", "spec."))


def test_each_exit_code_and_argument_is_explained():
    """The help says what 130 stands for, and every argument of every command has a text."""
    (commands,) = (action for action in parser()._actions if isinstance(action.choices, dict))

    assert "130  interrupted, or the job says `suspend: true`" in parser().format_help()
    for name, command in commands.choices.items():
        assert all(action.help for action in command._actions), name


def test_help_starts_fast_because_it_imports_little():
    """`--help` imports none of the heavy libraries."""
    program = "import sys; from autosearch.cli import parser; parser(); print(sorted(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "operator")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)

    assert not {"pydantic", "numpy", "rich", "yaml", "optuna"} & set(json.loads(done.stdout.replace("'", '"')))


def piped(command: str) -> tuple[str, str]:
    """Run a command whose reader leaves at once; give its exit code and standard error."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "operator")}
    program = f"{sys.executable} -m autosearch {command} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", program], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip(), done.stderr


def test_a_closed_pipe_is_no_error(run, tmp_path):
    """`autosearch results DIR | head -1` ends well, and a search whose output nobody reads goes on to its end."""
    file = a_file(tmp_path / "job.yaml")

    assert piped(f"run -f {file} --output {tmp_path / 'out'}") == ("0", "")
    assert piped(f"results {tmp_path / 'out'}") == ("0", "")
    assert json.loads((tmp_path / "out" / "job.json").read_text())["status"]["state"] == "Complete"


def test_a_page_that_cannot_be_written_is_told(run, tmp_path, capsys):
    """`report` into a folder's place is a line and exit code 1; a finished search keeps its own exit code."""
    run()
    (tmp_path / "page").mkdir()

    assert main(["report", str(tmp_path / "out"), "-o", str(tmp_path / "page")]) == 1
    assert "page" in capsys.readouterr().err
    (tmp_path / "out" / "report.html").unlink()
    (tmp_path / "out" / "report.html").mkdir()
    code, _, err = run()
    assert (code, "cannot be written" in err) == (0, True)


def test_lint_reads_scripts_as_python_does(tmp_path, capsys):
    """A script in another encoding is read; a neighbour that is no text is passed over."""
    (tmp_path / "other.py").write_bytes(b"\xff")
    script = tmp_path / "train.py"
    script.write_bytes(b"# coding: latin-1\nname = '\xe9'\n")

    main(["lint", str(script)])
    assert "cannot be read" not in capsys.readouterr().err
