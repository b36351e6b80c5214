"""Where a job's models are, as an address for people and platforms.

Owns: the schemes of `best.modelURI`.
"""

from collections.abc import Mapping
from typing import Any

from autosearch.api.job import AutoSearchJob
from autosearch.kubernetes.pod.volumes import joined


def model_root(job: AutoSearchJob) -> str:
    """Give the address of the output root; "" for none, or a volume that has no address.

    Returns:
        `pvc://CLAIM/SUBPATH`, `nfs://SERVER/PATH/SUBPATH` or `hostpath:///PATH/SUBPATH`, without a slash at the end.
    """
    output = job.spec.output
    root = _address(output.volume) if output is not None else ""
    return joined(root, output.sub_path or "") if root and output is not None else ""


def _address(volume: Mapping[str, Any]) -> str:
    if claim := volume.get("persistentVolumeClaim"):
        return f"pvc://{claim.get('claimName', '')}"
    if nfs := volume.get("nfs"):
        return f"nfs://{nfs.get('server', '')}/{str(nfs.get('path', '')).strip('/')}"
    if host := volume.get("hostPath"):
        return f"hostpath:///{str(host.get('path', '')).strip('/')}"
    return ""
