"""The CustomResourceDefinitions, made from the models: what the API server refuses, fills in and explains.

Owns: the two documents in `crds/` and the chart's copies of them. All modules are pure functions from the models to
JSON; files are written by `tools/generate_crds.py`.
"""
