"""How many GPUs a pod holds.

Owns: which resources are GPUs, for billing and for `/dev/shm`.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any


def gpus_of(pod: Mapping[str, Any]) -> int:
    """Count the GPUs in the limits of a pod, as the scheduler does; MIG slices count as one each.

    A plain init container's GPUs are the same ones as the containers' later on, so the larger count holds.
    """
    spec = pod.get("spec") or {}
    starting = spec.get("initContainers") or []
    kept = [container for container in starting if container.get("restartPolicy") == "Always"]
    together = sum(_of(container) for container in (spec.get("containers") or []))
    alone = max((_of(container) for container in starting if container not in kept), default=0)
    return max(together + sum(map(_of, kept)), alone)


def _of(container: Mapping[str, Any]) -> int:
    limits = (container.get("resources") or {}).get("limits") or {}
    return sum(_count(value) for name, value in limits.items() if _is_gpu(name))


def _is_gpu(name: str) -> bool:
    return name.endswith("/gpu") or "/mig-" in name


def _count(value: object) -> int:
    try:
        return int(Decimal(str(value)))
    except (InvalidOperation, ValueError, OverflowError):
        # No count that a device has; the API server refuses it.
        return 0
