"""What the pages say can be done as they say it: their YAML is valid, their links lead somewhere."""

import re
from pathlib import Path

import pytest

from autosearch.api.loading import parse_job
from autosearch.api.manifest_yaml import load_one, load_yaml
from autosearch.api.vendor import convert, is_vendor

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md"), ROOT / "sdk/README.md"])
BLOCK = re.compile(r"^( *)```ya?ml\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^ *(```|~~~).*?^ *\1", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`[^`\n]*`")
VOLUME = {"volume": {"emptyDir": {}}}
JOB = {
    "apiVersion": "autosearch.dev/v1alpha1",
    "kind": "AutoSearchJob",
    "metadata": {"name": "fragment"},
    "spec": {
        "objective": {"metric": "acc", "direction": "Maximize"},
        "parameters": [{"name": "lr", "float": {"min": 0.1, "max": 1}}],
        "output": VOLUME,
        "template": {"spec": {"containers": [{"name": "trial", "image": "my/image:1", "command": ["true"]}]}},
    },
}
VENDOR = {
    "search_strategy": {"algo": "RANDOM_SEARCH"},
    "metrics": {"name": "acc", "goal": "MAXIMIZE", "expected_value": 100},
    "search_space": {"lr": {"htype": "uniform", "value": [0.1, 1]}},
}
VENDOR_KEYS = {"search_strategy", "search_space", "metrics", "max_trial_num", "data_sampling_scale"}
POPULATION = {"pbt", "cmaes", "pso"}


def blocks():
    """Give each YAML block of the pages, with the place where it stands."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in BLOCK.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            indent = re.compile(rf"^{found[1]}", re.MULTILINE)
            yield pytest.param(indent.sub("", found[2]), id=f"{page.relative_to(ROOT)}:{line}")


def completed(document):
    """Make a job, or a vendor's file, of a page's fragment: what it does not say is added."""
    if "apiVersion" in document:
        return document
    if document.keys() & VENDOR_KEYS:
        return {**VENDOR, **document}
    spec = {**JOB["spec"], **document.get("spec", document)}
    unbounded = not spec.get("algorithm", {}).keys() & {*POPULATION, "grid"}
    return {**JOB, "spec": {"maxTrials": 4, **spec} if unbounded else spec}


def check(document):
    """Read a document as the command line does; raises what it would print."""
    whole = completed(document)
    parse_job(convert(whole, name="page", command=["true"]).manifest if is_vendor(whole) else whole)


@pytest.mark.parametrize("text", list(blocks()))
def test_yaml_of_a_page_is_valid(text):
    """Each YAML block is a job, a vendor's file, or a part of one that is valid where it stands."""
    documents = load_yaml(text)
    assert documents
    for document in documents:
        if isinstance(document, list):
            check({"parameters": document})
        else:
            check(document)


def test_every_job_of_the_examples_is_valid():
    """Each YAML file of the examples is valid."""
    files = sorted(ROOT.glob("examples/**/*.y*ml"))
    assert len(files) >= 10
    for file in files:
        check(load_one(file.read_text(encoding="utf-8"), str(file)))


def anchors(page):
    """Give the anchors that a page's headings get, and those that it writes itself."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#{1,6} +(.+?) *$", FENCED.sub("", text), re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a (?:id|name)="([^"]+)"', text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page):
    """Each link to a file of the project finds it, and each anchor stands there."""
    text = INLINE_CODE.sub("", FENCED.sub("", page.read_text(encoding="utf-8")))
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_the_python_example_of_the_page_runs():
    """The loop in docs/python-api.md ends by itself, with as many trials as its job asks for."""
    page = (ROOT / "docs" / "python-api.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    found: dict[str, list[object]] = {}

    exec(compile(code, "docs/python-api.md", "exec"), found)  # noqa: S102 - our own page, as a reader would paste it

    assert len(found["trials"]) == 12
