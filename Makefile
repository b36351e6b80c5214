# Everything that is done with this project. `make help` lists it.
# A fresh Debian or Ubuntu machine needs Python 3.11 or later, make and a network; the rest is installed here.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# Where this is set, as in many containers, each of hundreds of trials would compile its libraries anew.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PACKAGE := operator/autosearch
CODE := operator sdk tests examples tools benchmarks
# Tests that run side by side: `make test WORKERS=4`.
WORKERS ?= 2
# What pytest is given: `make test TESTS=tests/unit`; the coverage gate wants all of them.
TESTS ?= tests

# A stamp is named after what it was installed from: another lock is another stamp, whatever the files' times say.
digest = $(shell cat requirements/$(1).txt requirements/tools.txt pyproject.toml sdk/pyproject.toml | sha256sum | cut -c1-12)
DEMO := $(VENV)/.demo-$(call digest,demo)
DEV := $(VENV)/.dev-$(call digest,dev)
UV := $(BIN)/uv
# The project itself is built with what the lock holds, so that a build fetches nothing of its own.
install_list = $(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/$(1).txt && \
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . --editable ./sdk

.PHONY: help
help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | \
		while IFS=$$'\t' read -r name text; do printf '  make %-16s %s\n' "$$name" "$$text"; done

$(UV): tools/make_venv.sh
	@tools/make_venv.sh $(PYTHON) $(VENV)
	touch $@

$(DEMO): $(UV)
	@echo "installing requirements/demo.txt into $(VENV)"
	$(call install_list,demo)
	touch $@

$(DEV): $(UV)
	@echo "installing requirements/dev.txt into $(VENV)"
	$(call install_list,dev)
	touch $@ $(DEMO)

.PHONY: install
install: $(DEV)  ## everything that development needs, into .venv

.PHONY: demo
demo: $(DEMO)  ## two real searches on this machine, into ./demo-output (KEEP=1 goes on with what is there)
	@PATH="$(abspath $(BIN)):$$PATH" KEEP="$(KEEP)" examples/demo.sh demo-output

.PHONY: demo-cluster
demo-cluster: $(DEV)  ## two searches in real pods, on a node made for it; ./demo-output-cluster (KEEP=1 leaves the node up)
	@PATH="$(abspath $(BIN)):$$PATH" KEEP="$(KEEP)" examples/demo_cluster.sh demo-output-cluster

.PHONY: test
test: $(DEV)  ## all tests, with the coverage gate (TESTS=tests/unit: some, without the gate)
	@tools/install_chromium.sh
	if [ "$(TESTS)" != tests ]; then exec $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(TESTS); fi
	# Beside the tests that do without a cluster: its programs are built, if they are not there, then its tests run.
	rm -f .coverage .coverage.* $(VENV)/cluster-tests.log
	set -m
	{ PYTHON="$(PYTHON)" tools/kubernetes/build.sh > $(VENV)/kubernetes-tools && \
		$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup tests/cluster > $(VENV)/cluster-tests.log 2>&1; } & cluster=$$!
	trap 'kill -- -$$cluster 2> /dev/null || true' EXIT
	$(BIN)/python -m pytest -n $(WORKERS) --cov --cov-report= --ignore=tests/cluster tests
	$(BIN)/python tools/coverage_gate.py
	echo "the tests on a control plane go on; their output:"
	tail -n +1 -F --pid=$$cluster $(VENV)/cluster-tests.log 2> /dev/null || true
	wait $$cluster

.PHONY: kubernetes-tools
kubernetes-tools: $(UV)  ## etcd, kube-apiserver and the rest for tests/cluster, built once; prints their folder
	@PYTHON="$(PYTHON)" tools/kubernetes/build.sh

.PHONY: cluster-up cluster-down
cluster-up: $(UV)  ## a real one-node Kubernetes on this machine, in namespaces of its own
	@tools/cluster/cluster up

cluster-down:  ## end it; nothing is left of it
	@tools/cluster/cluster down

.PHONY: e2e
e2e: $(DEV)  ## tests on a real node; KUBECONFIG=... IMAGE=... runs them on a cluster of yours
	@python="$(abspath $(BIN))/python" code=0
	# KEEP: what the first run has installed is used and removed by the second, which stops parts of the cluster.
	here=(tests/e2e/test_node.py tests/e2e/test_framework_examples.py)
	on_cluster() {
		KEEP=1 "$$@" "$$python" -m pytest -n $(WORKERS) --dist loadfile -m "not alone" $${here[@]/#/--ignore=} tests/e2e || code=1
		"$$@" "$$python" -m pytest -m alone $${here[@]/#/--ignore=} tests/e2e || code=1
	}
	if [ -n "$${KUBECONFIG:-}" ]; then
		on_cluster env
		exit $$code
	fi
	"$$python" -m pytest "$${here[@]}" || code=1
	trap 'tools/cluster/cluster down' EXIT
	tools/cluster/cluster up
	for image in python sklearn torch operator; do
		archive=$$(tools/cluster/image $$image)
		tools/cluster/cluster load-image "$$archive"
	done
	on_cluster tools/cluster/cluster exec
	exit $$code

.PHONY: lint
lint: $(DEV)  ## style, layers
	@$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	PYTHONPATH=operator $(BIN)/lint-imports

.PHONY: typecheck
typecheck: $(DEV)  ## mypy, strict
	@$(BIN)/mypy

.PHONY: format
format: $(DEV)  ## put the code into shape
	@$(BIN)/ruff check --fix --quiet $(CODE) || true
	$(BIN)/ruff format $(CODE)

.PHONY: generate
generate: $(DEV)  ## write what is generated: crds/, the chart's copies and schema, docs/cli.md, docs/api.md
	@$(BIN)/python tools/extract_pod_schema.py operator/autosearch/api/crd/pod_template.json
	$(BIN)/python tools/generate_crds.py crds charts/autosearch/templates/crds
	$(BIN)/python tools/generate_values_schema.py charts/autosearch
	$(BIN)/python tools/generate_cli_docs.py docs/cli.md
	$(BIN)/python tools/generate_api_docs.py docs/api.md

.PHONY: verify
verify:  ## what CI does: tests, lint, types, drift
	@.ci/run

.PHONY: bench
bench: $(DEV)  ## the numbers of the design: each benchmark prints its figures
	@failed=0
	for file in benchmarks/*.py; do
		echo "== $$file"
		PYTHONPATH=operator:sdk:. $(BIN)/python "$$file" || failed=1
	done
	exit $$failed

.PHONY: bench-cluster
bench-cluster: $(DEV)  ## how long a GPU is idle between trials, in real pods; KUBECONFIG=... where AutoSearch is installed
	@measure="$(abspath $(BIN))/python benchmarks/cluster/gpu_idle.py"
	if [ -n "$${KUBECONFIG:-}" ]; then exec $$measure; fi
	trap 'tools/cluster/cluster down' EXIT
	tools/cluster/cluster up
	for image in python operator; do
		archive=$$(tools/cluster/image $$image)
		tools/cluster/cluster load-image "$$archive"
	done
	tools/cluster/cluster exec "$(abspath $(BIN))/helm" upgrade --install autosearch charts/autosearch \
		--namespace autosearch-system --create-namespace --wait > /dev/null
	tools/cluster/cluster exec $$measure

.PHONY: lock
lock: $(UV)  ## resolve the dependencies anew (UPGRADE=1 takes the newest)
	@tools/lock.sh $(UV) $(if $(UPGRADE),--upgrade,)

.PHONY: clean
clean:  ## remove all that was made here, .venv included
	@rm -rf $(VENV) demo-output demo-output-cluster build dist .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
