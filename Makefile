# `make` alone lists the targets.
.DEFAULT_GOAL := help
.PHONY: help setup test demo check lock bench golden docs clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: $(VENV)/.ready ## the development environment in .venv, from the lock files

$(VENV)/.ready: requirements/bootstrap.lock requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "mlopsctl needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip sync --quiet --require-hashes requirements/dev.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

test: setup ## all tests that this machine can run; the others are listed with the reason
	@$(BIN)/pytest $(ARGS)

check: setup ## format, lint, types and the direction of imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

demo: setup ## real flights to a model that answers
	@examples/flight-delays/demo.sh

golden: setup ## write the golden files anew; read the diff before you commit it
	@$(BIN)/pytest -q --snapshot-update $(ARGS)

docs: setup ## write the generated pages and pictures of docs/ anew
	@$(BIN)/python docs/generate.py

bench: setup ## the figures of docs/performance.md
	@$(BIN)/python -m tests.bench

# Before the others, dev.lock: image.in and bench-mlopsctl.in take their versions from there.
LOCKED := requirements/bootstrap requirements/dev requirements/image $(patsubst %.in,%,$(wildcard requirements/bench-*.in)) tests/local/serving \
	$(patsubst %.in,%,$(wildcard examples/*/requirements.in))
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11

lock: setup ## choose versions anew for all lock files
	@for name in $(LOCKED); do $(COMPILE) $$name.in -o $$name.lock || exit 1; done
	@$(COMPILE) --no-deps examples/flight-delays/scripts/requirements.in -o examples/flight-delays/scripts/requirements.lock

clean: ## remove what the targets made
	@rm -rf $(VENV) .bench build dist *.egg-info
