"""Is there inference code for a PyTorch model?

Owns: rules AS040 and AS041. A search runs without it; publishing the model on the vendor's platform does not, so both
warn.
"""

import ast
from collections.abc import Iterator, Mapping

from autosearch.lint.rules import Finding, finding
from autosearch.lint.script import Place, parse, stem

FUNCTIONS = ("model_fn", "input_fn", "output_fn")
CONSTANT = "MODEL_FILE_NAME"


def check_inference(source: str, others: Mapping[str, str]) -> Iterator[Finding]:
    """Look for the four names at the top of any one file; `source` is the script itself."""
    found = {name: _defined(text) for name, text in {"": source, **others}.items()}
    candidates = {name: names for name, names in found.items() if names or stem(name).endswith("predict")}
    if not candidates:
        message = f"no file beside the script defines {', '.join(FUNCTIONS)}"
        fix = "write them into pytorch_predict.py; the search itself runs without"
        yield finding("AS040", Place(1), message, fix, "warning")
        return
    best = max(candidates, key=lambda name: len(candidates[name]))
    missing = [name for name in (CONSTANT, *FUNCTIONS) if name not in candidates[best]]
    if missing:
        message = f"the inference code in {best or 'the script'} lacks {', '.join(missing)}"
        yield finding(
            "AS041", Place(1), message, f"define {', '.join(missing)} at the top level of that file", "warning"
        )


def _defined(source: str) -> set[str]:
    try:
        body = parse(source).body
    except SyntaxError:
        return set()
    names = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    targets = (target for node in body if isinstance(node, ast.Assign) for target in node.targets)
    names |= {target.id for target in targets if isinstance(target, ast.Name)}
    names |= {alias.asname or alias.name for node in body if isinstance(node, ast.ImportFrom) for alias in node.names}
    return names & {CONSTANT, *FUNCTIONS}
