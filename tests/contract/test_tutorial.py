"""tools/tutorial.py: a page shows what its commands print, or is left when one of them does not do as it says."""

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("tutorial", Path(__file__).parents[2] / "tools" / "tutorial.py")
assert _SPEC is not None
assert _SPEC.loader is not None
tutorial = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(tutorial)

PAGE = """\
A file:

```python
# code/two.py
print(1 + 1)
```

```console
$ python3 code/two.py
an old answer
$ bash
$ word=long \\
    ; echo "$word"
$ true
```

```console fails
$ cat missing; exit_code() { return 3; }; exit_code
```

```console
$ exit
$ echo "${word:-the first shell again}"
```
"""


def test_a_page_shows_what_its_commands_print(tmp_path):
    """Files are written, commands are run in one shell and those that it starts, and old answers are replaced."""
    found = tutorial.play(PAGE, tmp_path)

    assert (
        '```console\n$ python3 code/two.py\n2\n$ bash\n$ word=long \\\n    ; echo "$word"\nlong\n$ true\n```' in found
    )
    assert "cat: missing: No such file or directory\n```" in found
    assert "the first shell again\n```" in found
    assert tutorial.play(found, tmp_path) == found


@pytest.mark.parametrize(
    "block", ["```console\n$ false\n```\n", "```console fails\n$ true\n```\n", "```console\n$ exit\n```\n"]
)
def test_a_command_that_does_otherwise_ends_it(tmp_path, block):
    """A failure that was not announced, a success where a failure was, and the end of the shell."""
    with pytest.raises(SystemExit, match="error"):
        tutorial.play(block, tmp_path)
