"""A trial as a pod: what is made for it, and for the removal of old models. Pure: the same arguments, the same pod."""

from autosearch.kubernetes.pod.addresses import model_root
from autosearch.kubernetes.pod.build import build_pod
from autosearch.kubernetes.pod.cleaner import cleaner_pod
from autosearch.kubernetes.pod.gpus import gpus_of
from autosearch.kubernetes.pod.limits import check_template
from autosearch.kubernetes.pod.settings import CONTAINER_ANNOTATION, SIDECAR, PodSettings

__all__ = [
    "CONTAINER_ANNOTATION",
    "SIDECAR",
    "PodSettings",
    "build_pod",
    "check_template",
    "cleaner_pod",
    "gpus_of",
    "model_root",
]
