"""The flags of the commands that speak to a cluster, and which cluster, namespace and search they mean."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from autosearch.api.errors import EnvironmentFaultError
from autosearch.cli import main, parser
from autosearch.cli.cluster import again
from autosearch.cli.search_source import local_folder
from autosearch.kubernetes.access import Where, find_credentials

ROOT = Path(__file__).parents[2]


def parsed(*words: str):
    """Parse a command line."""
    return parser().parse_args(words)


@pytest.mark.parametrize("command", ["watch", "logs", "suspend", "resume", "results", "report"])
def test_each_command_takes_kubectls_flags(command):
    """-n, --namespace, --context and --kubeconfig stand where kubectl's users put them, and may be left out."""
    told = parsed(command, "iris", "-n", "team", "--context", "prod", "--kubeconfig", "file")
    silent = parsed(command, "iris")

    assert (told.namespace, told.context, told.kubeconfig) == ("team", "prod", "file")
    assert (silent.namespace, silent.context, silent.kubeconfig) == (None, None, None)
    assert again(told) == " -n team --context prod --kubeconfig file"


def test_push_and_pull_take_their_own():
    """All flags of `push` and `pull`, and kubectl's."""
    push = parsed("push", "d", "pvc://c/p", "--replace", "--like", "iris", "--image", "i", "--run-as", "0", "-n", "x")
    pull = parsed("pull", "iris", "m", "--trial", "0-3", "--wait", "5", "--context", "prod")

    assert (push.folder, push.target, push.replace, push.like) == (Path("d"), "pvc://c/p", True, "iris")
    assert (push.image, push.run_as, push.wait, push.namespace) == ("i", 0, 300, "x")
    assert (pull.job, pull.folder, pull.trial, pull.wait, pull.context) == ("iris", Path("m"), "0-3", 5, "prod")


def test_submit_and_logs_take_their_own():
    """All flags of `submit` and `logs`, short ones included."""
    submit = parsed("submit", "-f", "j", "--into", "b", "--code", "d", "--name", "n", "--dry-run", "--watch", "-n", "x")
    logs = parsed("logs", "iris", "--trial", "0-3", "--attempt", "1", "-f")

    assert (submit.file, submit.into, submit.code, submit.name) == ("j", "b", Path("d"), "n")
    assert (submit.dry_run, submit.watch, submit.namespace) == (True, True, "x")
    assert (logs.trial, logs.attempt, logs.follow, logs.best) == ("0-3", 1, True, False)


@pytest.mark.parametrize("words", [("--trial", "0-1", "--best"), ("--attempt", "-1"), ("--attempt", "x")])
def test_contradicting_flags_of_logs_are_refused(words, capsys):
    """Two trials at once and attempts that are no numbers end with exit code 2."""
    with pytest.raises(SystemExit) as ended:
        parsed("logs", "iris", *words)

    assert ended.value.code == 2
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "local"),
    [
        (("out/run",), True),
        (("./run",), True),
        (("run",), False),
        (("stored",), True),
        (("stored", "-n", "team"), False),
        (("empty",), False),
        (("Not_A_Job",), True),
    ],
)
def test_a_folder_and_a_job_are_told_apart(tmp_path, monkeypatch, words, local):
    """A slash or a job.json makes a folder; a cluster's flag makes a job; what cannot be a job's name is a folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("stored", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "stored" / "job.json").touch()

    assert (local_folder(parsed("results", *words)) is not None) is local


def kubeconfig(path: Path, name: str, namespace: str | None = None) -> str:
    """Write a kubeconfig with one context."""
    context = {"cluster": name, "user": name, **({"namespace": namespace} if namespace else {})}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": f"http://{name}.example"}}],
        "users": [{"name": name, "user": {"token": "t"}}],
        "contexts": [{"name": name, "context": context}],
    }
    path.write_text(json.dumps(document))
    return str(path)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder of our own, without a kubeconfig, and no trace of a cluster in the environment."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".kube").mkdir()
    return tmp_path


def test_kubeconfigs_win_in_kubectls_order(home, monkeypatch):
    """--kubeconfig wins over KUBECONFIG, which wins over the file at home."""
    kubeconfig(home / ".kube" / "config", "home")
    assert find_credentials(Where()).server == "http://home.example"

    monkeypatch.setenv("KUBECONFIG", kubeconfig(home / "listed", "listed"))
    assert find_credentials(Where()).server == "http://listed.example"
    assert find_credentials(Where(kubeconfig=kubeconfig(home / "named", "named"))).server == "http://named.example"


def test_kubeconfig_may_be_a_list(home, monkeypatch):
    """KUBECONFIG joins files; the first one's current context counts, --context finds those of the others."""
    one, two = kubeconfig(home / "one", "one", "first"), kubeconfig(home / "two", "two", "second")
    monkeypatch.setenv("KUBECONFIG", f"{home / 'gone'}:{one}:{two}")

    assert find_credentials(Where()).namespace == "first"
    assert find_credentials(Where(context="two")).server == "http://two.example"


def test_the_namespace_is_the_flags_else_the_contexts_else_default(home):
    """As kubectl has it."""
    named, plain = kubeconfig(home / "named", "a", "team"), kubeconfig(home / "plain", "b")

    assert find_credentials(Where(kubeconfig=named)).namespace == "team"
    assert find_credentials(Where(kubeconfig=named, namespace="other")).namespace == "other"
    assert find_credentials(Where(kubeconfig=plain)).namespace == "default"


@pytest.mark.parametrize("place", [Where(), Where(context="gone"), Where(kubeconfig="/nowhere/config")])
def test_no_cluster_is_told_with_what_to_name(home, place):
    """Without a kubeconfig, or without that context, the message says what to give."""
    with pytest.raises(EnvironmentFaultError, match="--kubeconfig"):
        find_credentials(place)


def test_a_wrong_name_without_a_cluster_says_what_it_was_taken_for(home, monkeypatch, capsys):
    """`results NAME` of a folder that is not there does not leave people with a riddle about kubeconfigs."""
    monkeypatch.chdir(home)

    assert main(["results", "outt"]) == 1
    assert "outt is no folder of a run (it has no job.json), so it was taken for a job" in capsys.readouterr().err


def test_help_and_local_commands_import_no_client():
    """What speaks to a cluster is imported by the commands that do, and by no other."""
    program = (
        "import sys; from autosearch.cli import parser; parser().parse_args(['watch', 'x']); "
        "import autosearch.cli.run, autosearch.cli.results, autosearch.cli.report; "
        "print(sorted({'aiohttp', 'kubernetes', 'autosearch.kubernetes.client'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "operator"), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"
