# Needs Python >= 3.11 and make; everything else is installed into .venv from the lock files.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
KAFKA_3 := 3.9.2
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --generate-hashes \
	--no-emit-index-url --python-version 3.11 --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help install demo test test-kafka-3 test-cluster check bench faults lock

help:  ## Show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

install: $(INSTALLED)  ## Create .venv with what the lock files name

$(INSTALLED): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "leadwire needs Python 3.11 or newer: make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@$(BIN)/leadwire --help >/dev/null  # writes the bytecode of what it imports, and of no more
	@touch $@

demo: install  ## Show an update on its way from a caller to the vendors' sandboxes
	$(BIN)/leadwire demo

test: install  ## Run the tests
	$(BIN)/python -m pytest -n 2

test-kafka-3: install  ## Run the tests of the Kafka log on the last Kafka 3 (`make test` has 4)
	LEADWIRE_TEST_KAFKA=$(KAFKA_3) $(BIN)/python -m pytest tests/contracts/test_eventlog.py \
		tests/gateway/eventlog

test-cluster: install  ## Run the journeys through five processes on three brokers and PostgreSQL
	LEADWIRE_TEST_DEPLOYMENT=cluster $(BIN)/python -m pytest --timeout 200 tests/journeys $(JOURNEYS)

check: install  ## Lint, format, types, imports, lock files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_lock.py

bench: install  ## Measure, as ratios to bare programs in the same run
	$(BIN)/python -m tests.bench

faults: install  ## Crash, cut and fill things while updates flow
	$(BIN)/python -m tests.faults
	$(BIN)/python -m pytest tests/faults --ignore tests/faults/test_scenarios.py

lock: install  ## Resolve the lock files anew; UPGRADE=--upgrade for newer versions
	$(LOCK) $(UPGRADE) --output-file requirements.txt
	$(LOCK) $(UPGRADE) --group dev --constraint requirements.txt --output-file requirements-dev.txt
