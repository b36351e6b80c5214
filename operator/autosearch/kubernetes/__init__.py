"""Trials as pods: the operator's shell around the pure core, and the client that commands use on a cluster."""
