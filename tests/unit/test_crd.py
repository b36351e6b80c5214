"""The CustomResourceDefinitions: generated, within an API server's limits, and worth reading."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
import yaml

from autosearch.api.crd.cel import at
from autosearch.api.crd.documents import documents
from autosearch.api.crd.immutability import FREE
from autosearch.api.crd.structural import type_schema
from autosearch.api.crd.text import HEAD, for_chart, plain
from autosearch.api.job import JobSpec

ROOT = Path(__file__).parents[2]
DOCUMENTS = documents()
NAMES = sorted(DOCUMENTS)
# What a client may store of an object in an annotation, as `kubectl apply` does, is 262,144 bytes.
MOST_BYTES = 250_000
# Kubernetes' own schemas, whose descriptions are cut.
FOREIGN = re.compile(r"\.spec\.(template|(code|trainData|testData|output)\.volume)\..*")
UNSAID = {".metadata", ".metadata.name"}
COLUMNS = {
    "autosearchjobs": ["State", "Trials", "Running", "Failed", "Best", "Age"],
    "trials": ["Job", "State", "Value", "Attempts", "Age"],
}
KEYWORDS = {
    *("type", "format", "description", "default", "enum", "required", "properties", "items", "additionalProperties"),
    *("minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength", "pattern", "minItems", "maxItems"),
    *("minProperties", "maxProperties", "nullable", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"),
    *("x-kubernetes-map-type", "x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"),
    "x-kubernetes-validations",
}


def root_of(name):
    """Give the schema of a definition's only version."""
    (version,) = DOCUMENTS[name]["spec"]["versions"]
    return version["schema"]["openAPIV3Schema"]


def parts(schema, path=""):
    """Give each schema below one, with its path."""
    yield path, schema
    for key, child in schema.get("properties", {}).items():
        yield from parts(child, f"{path}.{key}")
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if key in schema:
            yield from parts(schema[key], path + mark)


ALL_PARTS = [(f"{name}{path}", path, schema) for name in NAMES for path, schema in parts(root_of(name))]
RULES = [(where, rule) for where, _, schema in ALL_PARTS for rule in schema.get("x-kubernetes-validations", ())]


def where(wrong):
    """Give the places of those parts of which `wrong(path, schema)` holds."""
    return [place for place, path, schema in ALL_PARTS if wrong(path, schema)]


def load_tool(name):
    """Import a module of tools/."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_the_files_are_what_the_models_say(name):
    """crds/ and the chart's copies are never behind the models, and never edited: `make generate` writes them."""
    chart = ROOT / "charts" / "autosearch" / "templates" / "crds" / f"{name}.yaml"

    assert (ROOT / "crds" / f"{name}.yaml").read_text(encoding="utf-8") == plain(DOCUMENTS[name])
    assert chart.read_text(encoding="utf-8") == for_chart(DOCUMENTS[name])


def test_the_folders_hold_nothing_else():
    """A definition that is no longer generated does not stay behind."""
    for folder in (ROOT / "crds", ROOT / "charts" / "autosearch" / "templates" / "crds"):
        assert sorted(path.stem for path in folder.iterdir()) == NAMES


def test_the_pod_template_is_that_of_the_newest_kubernetes_we_know():
    """pod_template.json is what the tool makes of the installed schemas."""
    stored = (ROOT / "operator/autosearch/api/crd/pod_template.json").read_text(encoding="utf-8")

    assert json.loads(stored) == load_tool("extract_pod_schema").extract()


@pytest.mark.parametrize("name", NAMES)
def test_a_file_says_that_it_is_generated_and_holds_its_document(name):
    """The first line warns, the rest is the document itself."""
    text = plain(DOCUMENTS[name])

    assert text.startswith(HEAD)
    assert yaml.safe_load(text) == DOCUMENTS[name]


@pytest.mark.parametrize("name", NAMES)
def test_plain_kubectl_apply_can_hold_a_definition(name):
    """The JSON form fits into the annotation that `kubectl apply` writes."""
    assert len(json.dumps(DOCUMENTS[name], separators=(",", ":"))) < MOST_BYTES


def test_no_keyword_is_used_that_a_structural_schema_does_not_know():
    """No reference, no union, no title, no null: what pydantic writes and an API server refuses."""
    assert where(lambda _, schema: set(schema) - KEYWORDS) == []


def test_whatever_can_grow_has_a_bound():
    """Every string, list and map has a largest size, without which the cost of a rule cannot be estimated."""

    def boundless(_, schema):
        kind = schema.get("type")
        return (
            (kind == "string" and not {"maxLength", "enum"} & set(schema))
            or (kind == "array" and "maxItems" not in schema)
            or ("additionalProperties" in schema and "maxProperties" not in schema)
            or (kind is None and "maxLength" not in schema)
        )

    assert where(boundless) == []


def test_every_part_has_a_type_or_says_that_it_has_several():
    """Only scalars of several types, quantities and ports have no type."""

    def untyped(_, schema):
        mixed = {"x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"} & set(schema)
        return ("type" not in schema) != bool(mixed)

    assert where(untyped) == []


def test_every_list_says_how_it_is_merged():
    """Each list is a set, a map with keys that are always there, or replaced whole."""

    def wrong(_, schema):
        if schema.get("type") != "array":
            return False
        items, keys = schema["items"], schema.get("x-kubernetes-list-map-keys", [])
        given = {*items.get("required", ()), *(k for k, v in items.get("properties", {}).items() if "default" in v)}
        kind = schema.get("x-kubernetes-list-type")
        return kind not in {"atomic", "set", "map"} or (kind == "map") != bool(keys) or not set(keys) <= given

    assert where(wrong) == []


def test_a_field_is_required_or_has_a_default_but_never_both():
    """What the API server fills in need not be written."""

    def both(_, schema):
        return any("default" in schema["properties"].get(name, {}) for name in schema.get("required", ()))

    assert where(both) == []


def test_every_field_of_ours_is_explained_under_its_name():
    """`kubectl explain` has a sentence for each field, which begins with the field's name."""

    def silent(path, schema):
        name = path.rpartition(".")[2]
        if FOREIGN.match(path) or path in UNSAID or not path or name.endswith(("[]", "{}")):
            return False
        text = schema.get("description", "")
        return not re.fullmatch(rf"{name}: \S.{{4,}}\.", text)

    assert where(silent) == []


def test_defaults_and_bounds_are_told_in_the_explanation():
    """What `kubectl explain` does not show of a schema stands in the text."""
    spec = root_of("autosearchjobs")["properties"]["spec"]["properties"]

    assert "Default: 1." in spec["retries"]["description"]
    assert "At least 1, at most 1000." in spec["parallelTrials"]["description"]
    assert spec["parallelTrials"]["description"].endswith("May be changed at any time.")
    assert spec["objective"]["description"].endswith("Fixed once the search has started.")
    assert spec["maxTrials"]["description"].endswith("May only grow once the search has started.")


def test_no_field_has_a_name_that_kubernetes_gave_up():
    """There is no `phase`, and no time is called a timestamp but Kubernetes' own."""
    wrong = re.compile(r"(phase|.*[tT]imestamp)$")

    assert where(lambda path, _: wrong.match(path.rpartition(".")[2]) and "creationTimestamp" not in path) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_status_fills_nothing_in_and_demands_nothing(name):
    """A status tells what was seen: all of it is optional, none of it is made up by the API server."""
    status = root_of(name)["properties"]["status"]

    assert "required" not in status
    assert [path for path, schema in parts(status) if "default" in schema] == []


@pytest.mark.parametrize(("place", "rule"), RULES, ids=[f"{p}-{i}" for i, (p, _) in enumerate(RULES)])
def test_a_rule_speaks_of_fields_and_of_what_to_write(place, rule):
    """Messages say must, quote fields in back-quotes, use words instead of signs, and have no full stop at the end."""
    message = rule["message"]

    assert re.search(r"\b(must|may only|is required|is written once|is not built yet)\b", message)
    assert "'" not in message.replace("'s ", "")
    assert not re.search(r"[<>]=?|&&|\|\|", message)
    assert not message.endswith(".")
    assert len(message) <= 400


@pytest.mark.parametrize(("place", "rule"), RULES, ids=[f"{p}-{i}" for i, (p, _) in enumerate(RULES)])
def test_a_rule_points_at_a_field_that_exists(place, rule):
    """The field that an answer names is one of the schema's."""
    name, _, path = place.partition(".")

    assert at(at(root_of(name), path), rule.get("fieldPath", "")[1:])


@pytest.mark.parametrize("name", NAMES)
def test_kubectl_get_prints_the_designed_columns(name):
    """The columns are those of the design, and each shows a field of its own type."""
    (version,) = DOCUMENTS[name]["spec"]["versions"]
    columns = version["additionalPrinterColumns"]

    assert [column["name"] for column in columns] == COLUMNS[name]
    for column in columns[:-1]:
        assert at(root_of(name), column["jsonPath"][1:])["type"] == column["type"]


def test_names_are_short_and_the_status_is_a_subresource():
    """`asj` and `ast` are the short names, `autosearch` is the category of both."""
    names = {name: DOCUMENTS[name]["spec"]["names"] for name in NAMES}

    assert [names[name]["shortNames"] for name in NAMES] == [["asj"], ["ast"]]
    assert all(each["categories"] == ["autosearch"] for each in names.values())
    assert all(DOCUMENTS[name]["spec"]["versions"][0]["subresources"] == {"status": {}} for name in NAMES)


def test_every_field_of_the_spec_has_a_say_on_changes():
    """A new field is fixed once the search has started unless it is named as free: no field is forgotten."""
    (rule,) = [rule for place, rule in RULES if place == "autosearchjobs" and "oldSelf.spec" in rule["rule"]]
    fields = {field.alias or name for name, field in JobSpec.model_fields.items()}

    assert fields > FREE
    assert {name for name in fields if f"'`{name}` '" in rule["messageExpression"]} == fields - FREE


def test_a_type_that_has_no_schema_is_refused():
    """A union that a structural schema cannot say is an error of the generator, not a field without a type."""
    with pytest.raises(TypeError, match="no schema"):
        type_schema(str | float)


def test_the_chart_can_leave_the_definitions_out_and_keep_them():
    """The copies stand between a switch, carry the annotation only when asked, and are otherwise the same."""
    for name in NAMES:
        text = for_chart(DOCUMENTS[name])
        actions = re.findall(r"{{-? ?(.*?) ?-?}}", text)

        assert actions == ["if .Values.crds.enabled", "if .Values.crds.keep", "end", "end"]
        added = re.compile(r".*{{|  annotations:|    helm.sh/resource-policy: keep")
        without = "".join(line for line in text.splitlines(keepends=True) if not added.match(line))
        assert without == plain(DOCUMENTS[name])
