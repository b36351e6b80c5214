"""A real Kubernetes of one node, in namespaces and control groups of its own; standard library only."""
