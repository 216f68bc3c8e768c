# Everything a newcomer needs: `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
REDRESS := $(BIN)/redress

.DEFAULT_GOAL := help
.PHONY: help run test check bench acceptance format lock clean

help: ## List the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

run: $(VENV)/.run ## Install what is locked, start everything, serve on http://127.0.0.1:8000
	@exec $(REDRESS) serve --demo

test: $(VENV)/.dev ## Run the whole test suite on a PostgreSQL of its own
	$(BIN)/pytest

check: $(VENV)/.dev ## Format, lint, types, import contracts, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest

bench: $(VENV)/.dev ## Run the benchmark suite and print its figures
	$(BIN)/python -m tests.benchmarks

acceptance: $(VENV)/.dev ## Run the tests at full volume
	REDRESS_ACCEPTANCE=full $(BIN)/pytest -m "acceptance" -n 0 -s

format: $(VENV)/.dev ## Format and fix what a machine can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(VENV)/.dev ## Resolve the dependencies anew (hashes, no addresses)
	$(BIN)/uv pip compile pyproject.toml --group build --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet \
		--upgrade -o .ci/requirements.txt
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet \
		-c .ci/requirements.txt -o .ci/requirements-dev.txt

clean: ## Remove the virtual environment (the data in .redress/ stays)
	rm -rf $(VENV)

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Redress needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python .ci/requirements.txt pyproject.toml
	$(PIP) install --require-hashes -r .ci/requirements.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run .ci/requirements-dev.txt
	$(PIP) install --require-hashes -r .ci/requirements-dev.txt
	@touch $@
