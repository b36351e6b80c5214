"""Write the CustomResourceDefinitions: crds/ for `kubectl apply -f crds/`, and the chart's copies.

python tools/generate_crds.py crds charts/autosearch/templates/crds
"""

import sys
from pathlib import Path

from autosearch.api.crd.documents import documents
from autosearch.api.crd.text import for_chart, plain


def main(crds: Path, chart: Path) -> None:
    """Write all files; `crds` and `chart` are folders."""
    for folder in (crds, chart):
        folder.mkdir(parents=True, exist_ok=True)
    for name, definition in documents().items():
        (crds / f"{name}.yaml").write_text(plain(definition), encoding="utf-8")
        (chart / f"{name}.yaml").write_text(for_chart(definition), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
