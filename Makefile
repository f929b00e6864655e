# `make` alone lists the targets.
.DEFAULT_GOAL := help
.PHONY: help setup test test-cluster cluster-up cluster-down cluster-status demo demo-cluster check explore lock bench golden docs clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Bytecode is kept, whatever the environment says: else each process of the thousands compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE
# Of the test cluster: which one, and by whom it is made.
NAME ?= test
PROVIDER ?= native
CLUSTER = $(BIN)/python -m tests.cluster --name $(NAME) --provider $(PROVIDER)
# More processes than the two cores that it is measured with: tests on a cluster wait most of the time.
JOBS ?= 4
# Told first and alone, on a cluster that is new in CI: it is to take less than five minutes.
STORY := tests/cluster/test_flight_story.py
# A file's tests stay together, in their order: some share a cluster or a store. tests/conftest.py has what is long begin first.
PYTEST = $(BIN)/pytest --numprocesses=$(JOBS) --dist=loadfile --no-loadscope-reorder

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: $(VENV)/.ready ## the development environment in .venv, from the lock files

$(VENV)/.ready: requirements/bootstrap.lock requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "mlopsctl needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@"$$($(PYTHON) -c 'import sys; print(sys._base_executable)')" -m venv --clear $(VENV) # which may be the one that runs now
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip sync --quiet --require-hashes requirements/dev.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

test: setup ## all tests that this machine can run; the others are listed with the reason
	@$(PYTEST) $(ARGS)

test-cluster: cluster-up ## all tests there are, those on a real cluster too; the first time it is built, a quarter of an hour
	@$(if $(ARGS),,$(BIN)/pytest --require-cluster $(STORY))
	@$(PYTEST) --require-cluster --durations=20 --durations-min=10 $(if $(ARGS),$(ARGS),--ignore=$(STORY))

cluster-up: setup ## a real one-node cluster for the tests (NAME=test, PROVIDER=native or kind)
	@$(CLUSTER) up

cluster-down: setup ## end it and leave nothing
	@$(CLUSTER) down

cluster-status: setup ## whether it is up, and where
	@$(CLUSTER) status

check: setup ## format, lint, types and the direction of imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

EXPLORING := tests/unit/test_language_properties.py tests/unit/plan/test_difference.py tests/unit/plan/test_file.py

explore: setup ## properties of the language and of plans, on examples that nobody has tried yet
	@MLOPSCTL_EXPLORE=1 $(BIN)/pytest -q $(EXPLORING)

demo: setup ## real flights to a model that answers
	@examples/flight-delays/demo.sh

golden: setup ## write the golden files anew; read the diff before you commit it
	@$(BIN)/pytest -q --snapshot-update $(ARGS)

docs: setup ## write the generated pages and pictures of docs/ anew
	@$(BIN)/python docs/generate.py

bench: setup ## the figures of docs/performance.md
	@$(BIN)/python -m tests.bench

# Before the others, dev.lock: image.in and bench-mlopsctl.in take their versions from there.
LOCKED := requirements/bootstrap requirements/dev requirements/go requirements/image $(patsubst %.in,%,$(wildcard requirements/bench-*.in)) tests/local/serving \
	$(patsubst %.in,%,$(wildcard examples/*/requirements.in))
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11

demo-cluster: cluster-up ## the same flights in a cluster: trained, served, watched, trained again
	@$(BIN)/python -m tests.cluster.flight_story

lock: setup ## choose versions anew for all lock files
	@for name in $(LOCKED); do $(COMPILE) $$name.in -o $$name.lock || exit 1; done
	@$(COMPILE) --no-deps examples/flight-delays/scripts/requirements.in -o examples/flight-delays/scripts/requirements.lock

clean: ## remove what the targets made
	@rm -rf $(VENV) .bench build dist *.egg-info
