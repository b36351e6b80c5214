"""Files are read as kubectl reads them: `data/kubectl_scalars.json` holds what kubectl's library makes of each text.

The table was made by a Go program of forty lines: sigs.k8s.io/yaml v1.6.0, `yaml.YAMLToJSON` of `v: SCALAR` for every
scalar, and of the text itself for every document. Rows with `error` are refused there.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from autosearch.api.errors import InvalidInputError
from autosearch.api.manifest_yaml import MAX_ALIASED, load_one, load_yaml

TABLE = json.loads((Path(__file__).parent / "data" / "kubectl_scalars.json").read_text(encoding="utf-8"))
# Refused here though kubectl takes them: a tag is never what a user of a search wants.
STRICTER = {"!local 1", "!!binary aGk=", "!!timestamp 2001-12-14"}


def same(ours, theirs):
    """Equal values of equal kinds; integers beyond 64 bits are compared as the floats they become in the API server."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, float) and isinstance(theirs, int) and abs(theirs) >= 2**63:
        theirs = float(theirs)
    return type(ours) is type(theirs) and ours == theirs


def problems_of(text):
    """What reading `text` is refused with, as lines."""
    with pytest.raises(InvalidInputError) as caught:
        load_yaml(text, "job.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_table_is_large_enough():
    """At least sixty scalars are compared with kubectl's library."""
    assert len(TABLE["scalars"]) >= 60


@pytest.mark.parametrize("row", TABLE["scalars"], ids=lambda row: row["yaml"] or "empty")
def test_scalar_is_read_as_kubectl_does(row):
    """A scalar becomes the JSON value kubectl makes of it, or is refused where kubectl refuses it."""
    text = f"v: {row['yaml']}\n"
    if "error" in row or row["yaml"] in STRICTER:
        assert problems_of(text)
    else:
        ours = load_one(text)
        assert same(ours, json.loads(row["json"])), ours


@pytest.mark.parametrize("row", TABLE["documents"], ids=lambda row: row["yaml"].strip())
def test_document_is_read_as_kubectl_does(row):
    """Keys, anchors and merges give what kubectl gives, or are refused where kubectl refuses them."""
    if "error" in row:
        assert problems_of(row["yaml"])
    else:
        (ours,) = load_yaml(row["yaml"])
        assert same(ours, json.loads(row["json"])), ours


def test_duplicate_key_names_key_and_line():
    """A key written twice is an error that names the key, its path and its line."""
    (problem,) = problems_of("spec:\n  seed: 1\n  maxTrials: 3\n  seed: 2\n")
    assert "job.yaml:4:3 spec" in problem
    assert "`seed` is written twice" in problem


def test_duplicate_after_conversion_is_seen():
    """`1` and `"1"` are the same key in JSON, hence a duplicate."""
    assert "written twice" in problems_of('1: a\n"1": b\n')[0]


def test_all_unstorable_values_are_named_at_once():
    """NaN and infinity are refused with path, line and what was written, all of them."""
    first, second = problems_of("spec:\n  target: .nan\n  list: [1, -.inf]\n")
    assert first.startswith("job.yaml:2:11 spec.target: found .nan;")
    assert second.startswith("job.yaml:3:13 spec.list[1]: found -.inf;")
    assert "finite" in first


@pytest.mark.parametrize("text", ["a: [1\n", "a: b: c\n", "\ta: 1\n", "a: 'x\n", "{", "a: \x07\n", "%YAML 9.9\n---\na"])
def test_bad_syntax_is_one_problem_without_traceback(text):
    """Bad syntax is one problem, in words."""
    (problem,) = problems_of(text)
    assert problem.startswith("job.yaml")
    assert "not valid YAML" in problem


def test_syntax_error_gives_line_and_column():
    """A syntax error names the line and column at which reading stopped, counted from one."""
    assert problems_of("a: 1\nb: [1, 2\nc: 3\n")[0].startswith("job.yaml:3:2:")


def test_alias_bomb_is_refused_early():
    """Nested aliases that would expand to billions of values are refused, naming the alias and the limit."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (problem,) = problems_of("\n".join(lines))
    assert str(MAX_ALIASED) in problem


def test_merge_bomb_is_refused():
    """Aliases in merge keys count as other aliases do."""
    big = ", ".join(f"k{n}: 1" for n in range(5000))
    text = f"a: &a {{{big}}}\n" + "".join(f"b{n}: {{<<: *a}}\n" for n in range(10))
    assert str(MAX_ALIASED) in problems_of(text)[0]


def test_aliases_are_copies():
    """Changing what an alias gave does not change the anchor's value."""
    document = load_one("a: &x [1]\nb: *x\n")
    document["b"].append(2)
    assert document["a"] == [1]


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "a:\n" + "".join(" " * n + "- \n" for n in range(200)), "{a: " * 5000, "? " * 5000]
)
def test_deep_nesting_is_refused_not_crashed_on(text):
    """Nesting beyond the limit is a problem, never a crash of the interpreter."""
    assert problems_of(text)


def test_deep_nesting_does_not_kill_the_process():
    """A fresh interpreter survives a megabyte of opening brackets."""
    code = (
        "from autosearch.api.manifest_yaml import load_yaml\nfrom autosearch.api.errors import InvalidInputError\n"
        "try: load_yaml('[' * 1_000_000)\nexcept InvalidInputError as e: print(e)"
    )
    operator = Path(__file__).parents[2] / "operator"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(operator)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "nest" in done.stdout) == (0, True), done.stderr


def test_size_limit_counts_bytes():
    """More than 1 MiB is refused before it is parsed; multi-byte characters count by their bytes."""
    assert "1 MiB" in problems_of("a: " + "搜" * 400_000)[0]


def test_documents_without_content_are_left_out():
    """Comments and empty documents between separators are no documents."""
    assert load_yaml("# only a comment\n---\na: 1\n---\n---\n# end\n---\nb: 2\n") == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "nothing"),
        ("a: 1\n---\nb: 1\n", "2 documents"),
        ("- 1\n", "a list"),
        ("x", "a text"),
        ("3", "a bare value"),
    ],
)
def test_one_mapping_is_wanted(text, found):
    """A file with no job, two jobs or no mapping says what was found."""
    with pytest.raises(InvalidInputError, match=found):
        load_one(text)


def test_json_is_read_too():
    """A JSON file is a YAML file."""
    assert load_one('{"a": [1.0, 1e-3, true, null, "x\\u00e9"]}') == {"a": [1, 0.001, True, None, "xé"]}


def test_byte_order_mark_and_chinese_comments_are_read():
    """A file saved by an editor with a byte order mark, with full-width punctuation in comments, reads as any other."""
    assert load_one("\ufeffalgo: RANDOM_SEARCH  # 搜索策略\uff0c随机搜索\uff08无参数\uff09\uff1b\n") == {
        "algo": "RANDOM_SEARCH"
    }


def test_text_that_is_no_unicode_is_a_problem():
    """A lone surrogate (a file in another encoding) is a problem in words."""
    assert problems_of("a: \udcff\n")


def test_tag_of_ones_own_on_a_collection_is_refused():
    """Tags on mappings and lists are refused, but for the core ones."""
    assert "tags have no meaning" in problems_of("a: !!set {x, y}\n")[0]
    assert load_one("a: !!map {x: !!seq [1]}\n") == {"a": {"x": [1]}}


@pytest.mark.parametrize("text", ["9" * 5000, "0x" + "f" * 5000, "1e" + "9" * 5000, "." + "1" * 5000])
def test_absurdly_long_numbers_are_read(text):
    """Thousands of digits neither raise nor hang."""
    assert set(load_one(f"v: {text}")) == {"v"}
