"""What a script sees of a value: however YAML spells it, a pod's flags are those of the local runner."""

import time
from collections.abc import Iterator

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.jobs import Searches
from tests.cluster.operator_process import OperatorProcess
from tests.unit.test_command_line import SCALARS, WORDS

from autosearch.api.errors import InvalidInputError
from autosearch.api.job import AutoSearchJob
from autosearch.api.loading import parse_job
from autosearch.api.manifest_yaml import load_one
from autosearch.api.trial import Trial
from autosearch.engine.command_line import command_line

_JOB = """apiVersion: autosearch.dev/v1alpha1
kind: AutoSearchJob
metadata: {{name: {name}}}
spec:
  objective: {{metric: acc, direction: Maximize}}
  parameters:
{parameters}
  initialTrials: [{{{values}}}]
  maxTrials: 1
  template: {{spec: {{containers: [{{name: trial, image: none, command: [python, train.py]}}]}}}}
"""
_NUMBERS = """  - {{name: lr, float: {{min: -1.0e+30, max: 1.0e+30}}}}
  - {{name: d, discrete: {{values: [{0}]}}}}"""
_CHOICE = "  - {{name: kernel, categorical: {{choices: [{0}]}}}}"


def _number_file(name: str, scalar: str) -> str:
    return _JOB.format(name=name, parameters=_NUMBERS.format(scalar), values=f"lr: {scalar}, d: {scalar}")


def _word_file(name: str, scalar: str) -> str:
    return _JOB.format(name=name, parameters=_CHOICE.format(scalar), values=f"kernel: {scalar}")


FILES = {
    **{f"number-{index}": _number_file(f"number-{index}", scalar) for index, scalar in enumerate(SCALARS)},
    **{f"word-{index}": _word_file(f"word-{index}", scalar) for index, scalar in enumerate(WORDS)},
}


@pytest.fixture(scope="module")
def applied(cluster: ControlPlane, operator: OperatorProcess) -> Iterator[Searches]:
    """All files, given to kubectl as they are; those that are refused are not there."""
    namespace = cluster.create_namespace()
    cluster.kubectl("apply", "-f", "-", stdin="---\n".join(FILES.values()), namespace=namespace, check=False)
    assert operator.part.running
    yield Searches(cluster, namespace)
    cluster.delete_namespace(namespace)


def _local(text: str) -> AutoSearchJob | None:
    """Read a file as the local runner does; None where it refuses it."""
    try:
        return parse_job(load_one(text, "job.yaml"))
    except InvalidInputError:
        return None


def _flags(job: AutoSearchJob, uid: str) -> list[str]:
    """Give what the local runner passes to the file's first trial, under the uid that the job has on the cluster."""
    known = job.replace(metadata=job.metadata.replace(uid=uid))
    spec = {"jobName": job.name, "number": 0, "trialId": "0-0", "parameters": job.spec.initial_trials[0]}
    trial = Trial.from_dict({"metadata": {"name": "trial"}, "spec": {**spec, "sampler": "initial"}})
    return command_line(known, trial, "0-0").args


def _pod_flags(searches: Searches, name: str) -> list[str]:
    deadline = time.monotonic() + 60
    while not (pods := searches.pods(name)):
        assert time.monotonic() < deadline, searches.get(name).get("status")
        time.sleep(0.05)
    found: list[str] = pods[0]["spec"]["containers"][0]["args"]
    return found


def test_there_are_thirty_six_spellings() -> None:
    """Every spelling of a number can be a value; of the words, those that are strings to kubectl as well."""
    taken = [name for name, text in FILES.items() if _local(text) is not None]

    assert len(FILES) == len(SCALARS) + len(WORDS) == 36
    assert sum(name.startswith("number") for name in taken) == len(SCALARS)
    words = [isinstance(load_one(f"v: [{word}]", "job.yaml")["v"][0], str) for word in WORDS]
    assert [f"word-{index}" in taken for index in range(len(WORDS))] == words
    assert 0 < sum(words) < len(WORDS)


@pytest.mark.parametrize("name", FILES)
def test_a_pods_flags_are_the_local_runners(applied: Searches, name: str) -> None:
    """What the local runner refuses the cluster refuses; what it passes to a script a pod's script sees as well."""
    ours = _local(FILES[name])
    assert applied.exists(name) == (ours is not None), FILES[name]
    if ours is not None:
        assert _pod_flags(applied, name) == _flags(ours, applied.get(name)["metadata"]["uid"])
