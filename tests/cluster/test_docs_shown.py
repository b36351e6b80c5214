"""What the documents show of a cluster is what it prints: docs/run-a-search.md, from one real search.

`UPDATE_DOCS=1 pytest tests/cluster/test_docs_shown.py` writes the blocks anew. Ages, times, uids and durations differ
from run to run; all else is compared word by word.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml
from tests.cluster.control_plane import ControlPlane
from tests.cluster.jobs import Searches
from tests.cluster.operator_process import REPOSITORY
from tests.cluster.pods import TEST

PAGE = REPOSITORY / "docs" / "run-a-search.md"
_BLOCK = r"<!-- real: {} -->\n```\n(.*?)```\n"
ACCURACIES = (0.8147, 0.9058, 0.7861, 0.9134, 0.9324, 0.8975, 0.9285, 0.9469, 0.9575, 0.9649, 0.9576, 0.9706)
_VARYING = (
    (r"\b[0-9a-f]{8}\b(?=-\d)|(?<=digits-)[0-9a-f]{8}\b", "UID"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UID"),
    (r"\btest-[a-z0-9]{5}\b", "NAMESPACE"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r"\b\d+(\.\d+)?(s|ms|m\d+s|m)\b", "AGE"),
    (r"(Generation|Version|Seconds|Time|Age):\s+[\d.e+-]+", r"\1: N"),
    (r"\b\d+ s of", "N s of"),
    (r"[ \t]+", " "),
    (r"(?m) $", ""),
    (r"[━╸╺─]+", "BAR"),
)


def same(text: str) -> str:
    """Leave out what differs from run to run."""
    for pattern, word in _VARYING:
        text = re.sub(pattern, word, text)
    return text


def _cut(text: str, first: str) -> str:
    """Begin with the line that starts so."""
    lines = text.splitlines(keepends=True)
    start = next(index for index, line in enumerate(lines) if line.startswith(first))
    return "".join(lines[start:])


class Shown:
    """Runs the commands of the page in one namespace."""

    def __init__(self, cluster: ControlPlane, searches: Searches, folder: Path) -> None:
        self._cluster = cluster
        self._searches = searches
        self._folder = folder
        self._kubeconfig = cluster.user_kubeconfig(cluster.admin_token, searches.namespace)
        job = yaml.safe_load(re.search(r"```yaml\n# job.yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)[1])
        spec = job["spec"]
        spec |= {"maxTrials": len(ACCURACIES), "seed": 7, "algorithm": {"random": {}}}
        del spec["trainData"], spec["framework"]
        notes = {f"{TEST}/value-0-{number}": str(value) for number, value in enumerate(ACCURACIES)}
        # The first four end one after the other, and so do all that follow: the order is always the same.
        notes |= {f"{TEST}/run-milliseconds-0-{number}": str(600 + 300 * number) for number in range(4)}
        spec["template"]["metadata"] = {"annotations": {f"{TEST}/run-milliseconds": "1200", **notes}}
        (folder / "job.yaml").write_text(yaml.safe_dump(job))
        (folder / "code").mkdir()
        (folder / "code" / "train.py").write_text("print('a script')\n")
        wrong = {**job, "spec": {**spec, "parameters": [{"name": "C", "float": {"min": 1, "max": 0.1}}]}}
        del wrong["spec"]["maxTrials"]
        (folder / "wrong.yaml").write_text(yaml.safe_dump(wrong))

    def run(self, *command: str, code: int = 0) -> str:
        """Run `autosearch` or `kubectl` as a user would, and give what it prints."""
        program = {
            "autosearch": [sys.executable, "-c", "import sys; from autosearch.cli import main; sys.exit(main())"],
            "kubectl": [str(self._cluster.kubectl_program), f"--cache-dir={self._folder}/cache"],
        }[command[0]]
        environment = {
            "PATH": os.environ["PATH"],
            "KUBECONFIG": str(self._kubeconfig),
            "PYTHONPATH": str(REPOSITORY / "operator"),
            "HOME": str(self._folder),
            "COLUMNS": "110",
        }
        done = subprocess.run(
            [*program, *command[1:]],
            capture_output=True,
            text=True,
            cwd=self._folder,
            env=environment,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    def outputs(self) -> dict[str, str]:
        """Do what the page tells, in its order."""
        found = {"refused": self.run("kubectl", "apply", "-f", "wrong.yaml", code=1)}
        self.run("autosearch", "submit", "-f", "job.yaml", "--code", "code")
        found["wait"] = self.run("kubectl", "wait", "--for=condition=Finished", "asj/digits", "--timeout=60s")
        found["submit"] = self.run("autosearch", "submit", "-f", "job.yaml", "--code", "code")
        found["get"] = self.run("kubectl", "get", "asj")
        found["trials"] = self.run("kubectl", "get", "ast", "--sort-by=.spec.number")
        found["describe"] = _cut(self.run("kubectl", "describe", "asj", "digits"), "Status:")
        found["results"] = self.run("autosearch", "results", "digits")
        found["best"] = self.run("kubectl", "get", "asj", "digits", "-o", "jsonpath={.status.best}") + "\n"
        found["explain"] = self.run("kubectl", "explain", "asj.spec.objective")
        whole = self.run("kubectl", "explain", "asj.spec", "--recursive")
        own = [line for line in _cut(whole, "FIELDS:").splitlines() if re.match(r"FIELDS|  \S", line)]
        found["fields"] = "\n".join(own).replace("\t", " ") + "\n"
        return found


def test_the_page_shows_what_a_cluster_prints(cluster: ControlPlane, searches: Searches, tmp_path: Path) -> None:
    """Every block of output on the page is what the same commands print now."""
    outputs = Shown(cluster, searches, tmp_path).outputs()
    text = PAGE.read_text()
    if os.environ.get("UPDATE_DOCS"):
        for name, output in outputs.items():
            block = f"<!-- real: {name} -->\n```\n{output}```\n"
            text = re.sub(_BLOCK.format(name), lambda _, block=block: block, text, flags=re.DOTALL)
        PAGE.write_text(text)
    for name, output in outputs.items():
        shown = re.search(_BLOCK.format(name), text, re.DOTALL)
        assert shown is not None, f"the page does not show `{name}`"
        assert same(shown[1]) == same(output), name
