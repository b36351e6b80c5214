"""The vendor's YAML becomes the AutoSearchJob that does the same search; whatever is out of its ranges is named."""

import copy
from pathlib import Path

import pytest

from autosearch.api.errors import InvalidInputError
from autosearch.api.job import AutoSearchJob
from autosearch.api.manifest_yaml import load_one
from autosearch.api.vendor import PLACEHOLDER_IMAGE, convert, is_vendor

FILES = Path(__file__).parent / "data" / "vendor"
BASE = {
    "apiVersion": "autosearch.dev/v1alpha1",
    "kind": "AutoSearchJob",
    "metadata": {"name": "base-name", "labels": {"team": "a"}},
    "spec": {
        "objective": {"metric": "old", "direction": "Minimize", "target": 3},
        "parameters": [{"name": "old", "boolean": {}}],
        "algorithm": {"gp": {}},
        "maxTrials": 3,
        "earlyStopping": {"median": {}},
        "initialTrials": [{"old": True}],
        "retries": 2,
        "trainData": {"volume": {"persistentVolumeClaim": {"claimName": "d"}}},
        "testData": {"volume": {"persistentVolumeClaim": {"claimName": "d"}}, "access": "ReadOnly"},
        "output": {"volume": {"persistentVolumeClaim": {"claimName": "results"}}},
        "template": {"spec": {"containers": [{"name": "side"}, {"name": "trial", "image": "i", "command": ["x"]}]}},
    },
}


def read(name):
    """One of the six example files."""
    return load_one((FILES / f"{name}.yml").read_text(encoding="utf-8"), name)


def document(**changes):
    """A correct random search, with some top-level keys replaced; a value of None removes the key."""
    whole = {
        "search_strategy": {"algo": "RANDOM_SEARCH"},
        "metrics": {"name": "acc", "goal": "MAXIMIZE"},
        "search_space": {"lr": {"htype": "uniform", "value": [0, 1]}},
        **changes,
    }
    return {key: value for key, value in whole.items() if value is not None}


def strategy(algo, **params):
    """A document with that strategy."""
    return document(search_strategy={"algo": algo, "params": params})


def space(htype, *values):
    """A document with one parameter `p`."""
    return document(search_space={"p": {"htype": htype, "value": list(values)}})


def spec_of(vendor, **options):
    """The spec of the converted document, which the API's own model accepts."""
    manifest = convert(vendor, name="n", **options).manifest
    AutoSearchJob.from_dict(manifest)
    return manifest["spec"]


def problems_of(vendor, **options):
    """What converting is refused with: path -> line."""
    with pytest.raises(InvalidInputError) as caught:
        convert(vendor, name="n", **options)
    return {problem.path: str(problem) for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("name", "algorithm", "trials", "parallel"),
    [
        ("sklearn-random", {"random": {}}, 10, 5),
        ("tensorflow1-tpe", {"tpe": {"startupTrials": 5}}, 10, 5),
        (
            "pytorch-pbt",
            {
                "pbt": {
                    "population": 8,
                    "rounds": 10,
                    "perturbInterval": 10,
                    "quantile": 0.5,
                    "exploreProbability": 0.25,
                    "mode": "Synchronous",
                }
            },
            80,
            8,
        ),
        ("tensorflow2-cmaes", {"cmaes": {"population": 8, "rounds": 10, "stepSize": 1.0}}, 80, 8),
        *(
            (
                name,
                {
                    "pso": {
                        "population": 8,
                        "rounds": 10,
                        "inertia": 0.5,
                        "globalAcceleration": 1.5,
                        "localAcceleration": 1.5,
                    }
                },
                80,
                8,
            )
            for name in ("xgboost-pso", "paddle-pso")
        ),
    ],
)
def test_each_example_gives_its_algorithm_and_trial_count(name, algorithm, trials, parallel):
    """The six shapes of the vendor's files are accepted unchanged, with the vendor's number of trials."""
    vendor = read(name)
    assert is_vendor(vendor)
    spec = spec_of(vendor)
    job = AutoSearchJob.from_dict(convert(vendor, name="n").manifest)
    population = job.spec.algorithm.population
    planned = population.population * population.rounds if population else job.spec.max_trials
    assert (spec["algorithm"], planned, job.spec.parallelism) == (algorithm, trials, parallel)
    assert ("maxTrials" in spec) == (population is None)


def test_space_of_an_example():
    """Every type of parameter becomes its kind, in the file's order."""
    assert spec_of(read("tensorflow1-tpe"))["parameters"] == [
        {"name": "batch_size", "discrete": {"values": [64, 128, 256]}},
        {"name": "lr", "float": {"min": 0.0005, "max": 0.05, "scale": "Log"}},
        {"name": "last_step", "int": {"min": 1000, "max": 4000}},
    ]


@pytest.mark.parametrize(("percent", "name"), [(50, "tensorflow1-tpe"), (100, "sklearn-random")])
def test_sampling_stays_a_percentage(percent, name):
    """`data_sampling_scale` is dataSamplingPercent; the ratio is made where the flag is."""
    assert spec_of(read(name))["dataSamplingPercent"] == percent


@pytest.mark.parametrize(
    ("algo", "settings"),
    [
        ("TPE_SEARCH", {"tpe": {"startupTrials": 5}}),
        ("CMAES_SEARCH", {"cmaes": {"population": 8, "rounds": 10, "stepSize": 1.0}}),
    ],
)
@pytest.mark.parametrize("params", [{}, None])
def test_absent_params_take_the_vendors_defaults(algo, settings, params):
    """An absent, empty or null `params` gives the vendor's defaults, not AutoSearch's."""
    spec = spec_of(document(search_strategy={"algo": algo, "params": params}))
    assert spec["algorithm"] == settings
    assert spec_of(document(search_strategy={"algo": algo}))["algorithm"] == settings


def test_defaults_without_optional_keys():
    """Without the optional keys there are 10 trials, five at once, all data and no target."""
    spec = spec_of(document())
    assert (spec["maxTrials"], spec["parallelTrials"], spec["dataSamplingPercent"]) == (10, 5, 100)
    assert spec["objective"] == {"metric": "acc", "direction": "Maximize"}


@pytest.mark.parametrize(
    ("values", "domain"),
    [
        ([3, 1, 2], {"discrete": {"values": [1, 2, 3]}}),
        ([0.5, 1, 0.1], {"discrete": {"values": [0.1, 0.5, 1]}}),
        ([True, False], {"boolean": {}}),
        ([False, True], {"boolean": {}}),
        ([True], {"categorical": {"choices": ["True"]}}),
        (["a", "b"], {"categorical": {"choices": ["a", "b"]}}),
        (["none", 1, 0.5, True], {"categorical": {"choices": ["none", "1", "0.5", "True"]}}),
        (["1", "2"], {"categorical": {"choices": ["1", "2"]}}),
    ],
)
def test_choice_becomes_the_kind_of_its_values(values, domain):
    """Numbers are discrete in increasing order, true and false boolean, everything else texts."""
    assert spec_of(space("choice", *values))["parameters"] == [{"name": "p", **domain}]


def test_mixed_choice_is_noted():
    """Values of several kinds in one `choice` are passed as texts, and a note says so."""
    notes = convert(space("choice", "none", 1), name="n").notes
    assert any("search_space.p.value" in note and "none, 1" in note for note in notes)


@pytest.mark.parametrize(
    ("vendor", "path", "words"),
    [
        (strategy("TPE_SEARCH", n_startup_points=0), "search_strategy.params.n_startup_points", "[1, 20]"),
        (strategy("TPE_SEARCH", max_concurrent=21), "search_strategy.params.max_concurrent", "[1, 20]"),
        (strategy("PBT_SEARCH", population_num=11), "search_strategy.params.population_num", "[1, 10]"),
        (strategy("PBT_SEARCH", round=4), "search_strategy.params.round", "[5, 50]"),
        (strategy("PBT_SEARCH", round=51), "search_strategy.params.round", "[5, 50]"),
        (strategy("PBT_SEARCH", perturb_interval=0), "search_strategy.params.perturb_interval", "[1, 20]"),
        (strategy("PBT_SEARCH", perturb_interval=1.5), "search_strategy.params.perturb_interval", "a whole number"),
        (strategy("PBT_SEARCH", quantile_frac=0), "search_strategy.params.quantile_frac", "(0, 0.5]"),
        (strategy("PBT_SEARCH", quantile_frac=0.51), "search_strategy.params.quantile_frac", "(0, 0.5]"),
        (strategy("PBT_SEARCH", explore_prob=0.6), "search_strategy.params.explore_prob", "(0, 0.5]"),
        (strategy("CMAES_SEARCH", step_size=0), "search_strategy.params.step_size", "(0, 10]"),
        (strategy("CMAES_SEARCH", step_size=10.1), "search_strategy.params.step_size", "(0, 10]"),
        (strategy("CMAES_SEARCH", population_num=True), "search_strategy.params.population_num", "found true"),
        (strategy("PARTICLE_SEARCH", inertia_weight=1.1), "search_strategy.params.inertia_weight", "(0, 1]"),
        (strategy("PARTICLE_SEARCH", global_acceleration=5), "search_strategy.params.global_acceleration", "(0, 4]"),
        (strategy("PARTICLE_SEARCH", local_acceleration=0), "search_strategy.params.local_acceleration", "(0, 4]"),
        (strategy("PARTICLE_SEARCH", round="ten"), "search_strategy.params.round", "found 'ten'"),
        (strategy("TPE_SEARCH", max_concurent=3), "search_strategy.params.max_concurent", "`max_concurrent`"),
        (strategy("RANDOM_SEARCH", round=5), "search_strategy.params.round", "no key is known here"),
        (strategy("TPE_SEARCH", max_trial_num=5), "search_strategy.params.max_trial_num", "top level"),
        (strategy("PBT_SERCH"), "search_strategy.algo", "`PBT_SEARCH`"),
        (strategy("random_search"), "search_strategy.algo", "`RANDOM_SEARCH`"),
        (strategy("GRID"), "search_strategy.algo", "TPE_SEARCH, PBT_SEARCH"),
        (document(search_strategy=None), "search_strategy", "is required"),
        (document(search_strategy="TPE_SEARCH"), "search_strategy", "must be a mapping"),
        (document(search_strategy={}), "search_strategy.algo", "must be one of"),
        (document(search_strategy={"algo": "TPE_SEARCH", "params": [1]}), "search_strategy.params", "mapping"),
        (document(search_strategy={"algo": "TPE_SEARCH", "param": {}}), "search_strategy.param", "`params`"),
        (document(data_sampling_scale=0), "data_sampling_scale", "(0, 100]"),
        (document(data_sampling_scale=101), "data_sampling_scale", "(0, 100]"),
        (document(data_sampling_scale=0.5), "data_sampling_scale", "a whole number"),
        (document(max_trial_num=0), "max_trial_num", "[1, 100000]"),
        (document(max_trial_num="many"), "max_trial_num", "found 'many'"),
        (document(max_trials=3), "max_trials", "`max_trial_num`"),
        (document(metrics=None), "metrics", "is required"),
        (document(metrics={"goal": "MAXIMIZE"}), "metrics.name", "the name the script reports"),
        (document(metrics={"name": "", "goal": "MAXIMIZE"}), "metrics.name", 'found ""'),
        (document(metrics={"name": "a", "goal": "maximize"}), "metrics.goal", "`MAXIMIZE`"),
        (document(metrics={"name": "a"}), "metrics.goal", "MAXIMIZE, MINIMIZE"),
        (
            document(metrics={"name": "a", "goal": "MINIMIZE", "expected_value": 1.5}),
            "metrics.expected_value",
            "a whole number",
        ),
        (document(metrics={"name": "a", "goal": "MINIMIZE", "expected": 1}), "metrics.expected", "`expected_value`"),
        (document(search_space=None), "search_space", "is required"),
        (document(search_space={}), "search_space", "at least one parameter"),
        (document(search_space={"p": [1, 2]}), "search_space.p", "must be a mapping"),
        (document(search_space={"p": {"value": [1, 2]}}), "search_space.p.htype", "choice, randint"),
        (document(search_space={"p": {"htype": "choice"}}), "search_space.p.value", "must be a list"),
        (document(search_space={"p": {"htype": "choice", "value": [1], "type": 1}}), "search_space.p.type", "`htype`"),
        (
            document(search_space={"p": {"htype": "log_uniform", "value": [1, 2]}}),
            "search_space.p.htype",
            "`loguniform`",
        ),
        (document(search_space={"job_id": {"htype": "choice", "value": [1]}}), "search_space.job_id", "contract"),
        (document(search_space={"a-b": {"htype": "choice", "value": [1]}}), "search_space.a-b", "underscores"),
        (document(search_space={"true": {"htype": "choice", "value": [1]}}), "search_space.true", "in quotes"),
        (space("choice"), "search_space.p.value", "must be a list"),
        (space("choice", 1, 1.0), "search_space.p.value", "1.0 is given twice"),
        (space("choice", "a", "a"), "search_space.p.value", "'a' is given twice"),
        (space("choice", "1", 1), "search_space.p.value", "given twice"),
        (space("choice", [1], 2), "search_space.p.value[0]", "a choice is a text"),
        (space("choice", 1, None), "search_space.p.value[1]", "found null"),
        (space("randint", 1, 2.5), "search_space.p.value", "two whole numbers"),
        (space("randint", 1), "search_space.p.value", "[low, high]"),
        (space("randint", 3, 3), "search_space.p.value", "less than"),
        (space("randint", False, True), "search_space.p.value", "two whole numbers"),
        (space("uniform", 1, 0), "search_space.p.value", "less than"),
        (space("uniform", "0", "1"), "search_space.p.value", "two numbers"),
        (space("loguniform", 0, 1), "search_space.p.value", "greater than 0"),
        (space("loguniform", -4, -1), "search_space.p.value", "greater than 0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_violation_is_named(vendor, path, words):
    """A value out of range, an unknown key or a missing one is refused, naming the key and what is allowed."""
    problems = problems_of(vendor)
    assert list(problems) == [path]
    assert words in problems[path]


def test_max_trial_num_is_refused_for_population_algorithms():
    """A population's trials follow from size and rounds; the refusal says how many and what to write."""
    line = problems_of(strategy("CMAES_SEARCH", population_num=4, round=6) | {"max_trial_num": 10})["max_trial_num"]
    assert "24" in line
    assert "remove it" in line


def test_all_mistakes_are_told_at_once():
    """Mistakes in every section come in one answer."""
    vendor = {
        "search_strategy": {"algo": "PBT_SEARCH", "params": {"round": 1, "population_num": 99}},
        "metrics": {"goal": "UP"},
        "search_space": {"p": {"htype": "uniform", "value": [2, 1]}, "q": 3},
        "data_sampling_scale": 200,
        "extra": 1,
    }
    assert len(problems_of(vendor)) == 8


def test_boundaries_are_inside():
    """Both ends of a closed range are accepted."""
    spec = spec_of(strategy("PARTICLE_SEARCH", population_num=1, round=50, inertia_weight=1, global_acceleration=4.0))
    assert spec["algorithm"]["pso"] | {"localAcceleration": 0} == {
        "population": 1,
        "rounds": 50,
        "inertia": 1.0,
        "globalAcceleration": 4.0,
        "localAcceleration": 0,
    }


@pytest.mark.parametrize(
    ("goal", "percent", "target", "noted"),
    [
        ("MAXIMIZE", 100, 1.0, False),
        ("MAXIMIZE", 99, 0.99, False),
        ("MAXIMIZE", 150, 1.5, True),
        ("MINIMIZE", 10, 0.1, True),
        ("MAXIMIZE", -5, -0.05, False),
        ("MINIMIZE", 0, 0.0, True),
    ],
)
def test_expected_value_is_a_percentage(goal, percent, target, noted):
    """The target is a hundredth of what is written; where the metric looks like no ratio, a note tells it."""
    done = convert(document(metrics={"name": "m", "goal": goal, "expected_value": percent}), name="n")
    assert done.manifest["spec"]["objective"]["target"] == target
    assert any(f"is {target:g} or" in note for note in done.notes) == noted


def test_without_a_base_the_placeholders_are_noted():
    """Image, command and PBT's output are placeholders, each with a note, and the API accepts the result."""
    done = convert(read("pytorch-pbt"), name="mnist")
    (container,) = done.manifest["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "trial", "image": PLACEHOLDER_IMAGE, "command": ["python", "train.py"]}
    assert done.manifest["metadata"] == {"name": "mnist"}
    assert [note.split(":")[0] for note in done.notes] == ["spec.output", "spec.template", "spec.template"]


def test_given_command_is_used_without_a_note():
    """A command that was given stands in the trial's container, and no note speaks of it."""
    done = convert(document(), name="n", command=["python", "main.py"])
    assert done.manifest["spec"]["template"]["spec"]["containers"][0]["command"] == ["python", "main.py"]
    assert not any("main.py" in note or "train.py" in note for note in done.notes)


def test_base_keeps_what_is_not_the_search():
    """Name, volumes, retries and template are the base's; the search is the vendor file's."""
    spec = spec_of(read("xgboost-pso"), base=BASE)
    assert spec["template"] == BASE["spec"]["template"]
    assert (spec["retries"], spec["output"]) == (2, BASE["spec"]["output"])
    assert spec["objective"] == {"metric": "mse", "direction": "Minimize", "target": 0.1}
    assert {"maxTrials", "earlyStopping", "initialTrials"}.isdisjoint(spec)
    assert convert(read("xgboost-pso"), name="n", base=BASE).manifest["metadata"] == BASE["metadata"]


def test_base_data_becomes_private_unless_said_otherwise():
    """Data volumes become private copies, but an `access` that the base states is kept."""
    done = convert(document(), name="n", base=BASE)
    assert done.manifest["spec"]["trainData"]["access"] == "PrivateCopy"
    assert done.manifest["spec"]["testData"]["access"] == "ReadOnly"
    assert any("trainData.access" in note for note in done.notes)


def test_base_parallelism():
    """The vendor's `max_concurrent` wins over the base's; where the vendor has no such key the base's stays."""
    base = copy.deepcopy(BASE)
    base["spec"]["parallelTrials"] = 3
    assert spec_of(strategy("TPE_SEARCH", max_concurrent=7), base=base)["parallelTrials"] == 7
    assert spec_of(document(), base=base)["parallelTrials"] == 3
    assert spec_of(document(), base=BASE)["parallelTrials"] == 5


def test_base_is_not_changed():
    """Neither the document nor the base is changed by converting."""
    base, vendor = copy.deepcopy(BASE), document()
    convert(vendor, name="n", base=base, command=["y"])
    assert (base, vendor) == (BASE, document())


@pytest.mark.parametrize("base", [{}, {"kind": "Job"}, {"kind": "AutoSearchJob", "spec": {}}, BASE | {"spec": None}])
def test_base_must_have_a_template(base):
    """A base without a template is refused in words."""
    assert "spec.template" in problems_of(document(), base=base)["base"]


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [
        ({"search_space": {}}, True),
        ({"search_strategy": {}}, True),
        ({"apiVersion": "autosearch.dev/v1alpha1", "search_space": {}}, False),
        ({"spec": {}}, False),
    ],
)
def test_vendor_documents_are_recognised(candidate, expected):
    """A document is the vendor's when it has one of the two main keys and no apiVersion."""
    assert is_vendor(candidate) is expected
