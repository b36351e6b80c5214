"""AutoSearch: hyper-parameter search for training jobs, as a Kubernetes operator and on one machine."""

__version__ = "0.1.0"
