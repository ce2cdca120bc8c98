# What a newcomer types. Everything stands in .venv, built from the committed uv.lock; no interpreter is downloaded.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.stamp

help: ## list what can be done
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(STAMP): pyproject.toml uv.lock .ci/prerequisites
	@PYTHON=$(PYTHON) sh .ci/prerequisites
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@test -x .venv/bin/uv || .venv/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'
	@VIRTUAL_ENV=$(CURDIR)/.venv .venv/bin/uv sync --locked --active --inexact --quiet --no-python-downloads --python .venv/bin/python
	@touch $(STAMP)

setup: $(STAMP) ## build .venv from the lock

run: $(STAMP) ## serve the reference server on http://127.0.0.1:8000
	@$(BIN)/gptimage serve run

test: $(STAMP) ## run the tests
	@$(BIN)/pytest -n 2 --dist loadscope -m "not sweep"

sweeps: $(STAMP) ## run the slow sweeps
	@$(BIN)/pytest -n 2 --dist loadscope -m sweep

check: $(STAMP) ## lint, types, architecture, generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.architecture.generated --check

format: $(STAMP) ## format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: $(STAMP) ## measure beside peers; table and .bench/latest.json
	@$(BIN)/python -m tests.benchmarks

clean: ## remove what was built
	rm -rf .venv .bench .mypy_cache .ruff_cache .pytest_cache dist

.PHONY: help setup run test sweeps check format bench clean
