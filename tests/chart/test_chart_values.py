"""The chart's values: what is documented, what is refused, and that all of it is used."""

import importlib.util
import json
import re
import sys

import pytest
import yaml
from tests.chart.rendering import CASES, CHART, ROOT, helm, template, values_file


@pytest.fixture(scope="module")
def tool():
    """The module tools/generate_values_schema.py."""
    spec = importlib.util.spec_from_file_location(
        "generate_values_schema", ROOT / "tools" / "generate_values_schema.py"
    )
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


@pytest.mark.parametrize("case", CASES)
def test_every_case_passes_strict_lint(case):
    """`helm lint --strict` has nothing against the chart with the values of each feature."""
    done = helm("lint", "--strict", str(CHART), "--values", str(values_file(case)))

    assert done.returncode == 0, done.stdout + done.stderr


def test_generated_files_are_current(tool):
    """The schema and the README's table are what the models of the values give: else run `make generate`."""
    page = (CHART / "README.md").read_text(encoding="utf-8")

    assert (CHART / "values.schema.json").read_text(encoding="utf-8") == tool.schema()
    assert page == tool.readme(page)


def test_defaults_are_those_of_the_models(tool):
    """values.yaml and the models, from which the README's table comes, agree on every default."""
    written = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))

    modelled = tool.Values().model_dump(by_alias=True)
    modelled.pop("global")
    modelled["affinity"] = {}
    assert written == modelled


def test_every_value_is_used(tool):
    """No value is documented that no template reads."""
    files = [path.read_text(encoding="utf-8") for path in (CHART / "templates").rglob("*") if path.is_file()]
    if not (CHART / "templates" / "crds").exists():
        files.append(".Values.crds.keep")
    used = set(re.findall(r"\.Values((?:\.\w+)+)", "\n".join(files)))

    unused = {path for path, *_ in tool.leaves(tool.Values()) if f".{path}" not in used}
    assert unused == {"global"}


def test_every_switch_has_a_case(tool):
    """Each value but for the replaced short name is set by some file in ci/, so that lint and goldens see it."""
    found = [yaml.safe_load(values_file(case).read_text(encoding="utf-8")) or {} for case in CASES]

    def is_set(path, values):
        head, _, rest = path.partition(".")
        return head in values and (not rest or is_set(rest, values[head]))

    missing = {path for path, *_ in tool.leaves(tool.Values()) if not any(is_set(path, values) for values in found)}
    assert missing == {"nameOverride", "global"}


REFUSED = [
    ("replicaCount=2", ["(root)", "replicaCount", "not allowed"]),
    ('image.tags="1"', ["image", "tags", "not allowed"]),
    ('image.digest="0123"', ["image.digest", "sha256:[0-9a-f]{64}"]),
    ("image.tag=1", ["image.tag", "Expected: string", "given: integer"]),
    ('image.pullPolicy="Sometimes"', ["image.pullPolicy", "IfNotPresent", "Always", "Never"]),
    ('namespaces="team-a"', ["namespaces", "Expected: array", "given: string"]),
    ('namespaces=["Team_A"]', ["namespaces.0", "Does not match pattern"]),
    ('namespaces=["a","a"]', ["namespaces", "must be unique"]),
    ('imagePullSecrets=["mine"]', ["imagePullSecrets.0", "Expected: object"]),
    ("replicas=0", ["replicas", "greater than or equal to 1"]),
    ('logLevel="trace"', ["logLevel", "debug", "info", "warning", "error"]),
    ("certificate.validityDays=7", ["certificate.validityDays", "greater than or equal to 30"]),
    ("service.port=99999", ["service.port", "less than or equal to 65535"]),
    ('extraEnv=[{"name":"A","value":1}]', ["extraEnv.0.value", "Expected: string"]),
    ('tolerations=[{"key":"gpu","operator":"Exist"}]', ["tolerations.0.operator", "Exists", "Equal"]),
    ('topologySpreadConstraints=[{"maxSkew":1}]', ["topologySpreadConstraints.0", "topologyKey is required"]),
    ('affinity={"podAffinities":{}}', ["affinity", "podAffinities", "not allowed"]),
    ('metrics.podMonitor.interval="often"', ["metrics.podMonitor.interval", "Does not match pattern"]),
    ("serviceAccount.create=false", ["serviceAccount.name must name an existing service account"]),
]


@pytest.mark.parametrize(("change", "words"), REFUSED, ids=[change for change, _ in REFUSED])
def test_wrong_value_is_refused(change, words):
    """A wrong value stops the installation with a message that names the value and what was expected."""
    done = template("--set-json", change)

    assert done.returncode != 0
    assert all(word in done.stderr for word in words), done.stderr


def test_old_kubernetes_is_refused():
    """The chart says that it needs Kubernetes 1.31, and installs on distributions' own version numbers."""
    old, odd = template("--kube-version", "1.30.5"), template("--kube-version", "v1.31.2-gke.100")

    assert "kubeVersion: >=1.31.0-0" in old.stderr
    assert odd.returncode == 0, odd.stderr


def test_version_is_the_packages():
    """The chart installs the image of the version that the package has."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    source = (ROOT / "operator" / "autosearch" / "__init__.py").read_text(encoding="utf-8")

    assert f"__version__ = {json.dumps(chart['appVersion'])}" in source
