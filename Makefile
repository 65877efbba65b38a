# The commands of this repository. "make demo" and "make test" are all that a newcomer needs.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check explore browsers web lint types format audit soak crowd bench coverage lock clean
BIN := .venv/bin
ONCE ?=
ARGS ?=
# Compiled code is kept wherever these run: else pytest rewrites 400 modules anew for each of its processes, and each
# server that a test starts compiles all of this before it serves.
unexport PYTHONDONTWRITEBYTECODE

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: .venv/.ready ## Make the virtual environment with the locked dependencies

.venv/.ready: requirements-dev.lock pyproject.toml tools/setup.sh
	@tools/setup.sh

demo: .venv/.ready ## Run the whole flow, from a manifest to signed webhooks (ONCE=1: stop after it)
	@$(BIN)/python -m examples.demo $(if $(filter-out 0,$(ONCE)),--once) $(ARGS)

test: check ## Run every check and test, on SQLite and PostgreSQL

check: .venv/.ready
	@$(MAKE) --no-print-directory lint types
	@tools/web.sh check
	@tools/tests.sh $(ARGS)
	@$(MAKE) --no-print-directory audit

coverage: .venv/.ready ## Run the tests and list the lines and branches that none of them runs
	$(BIN)/python -m pytest -n 2 --dist worksteal --cov --cov-report=xml --cov-report=term-missing:skip-covered $(ARGS)

explore: .venv/.ready ## Look for inputs that break a property, at random and for long
	$(BIN)/python -m pytest -n 2 --dist worksteal --timeout 0 -m hypothesis --hypothesis-profile explore $(ARGS)

browsers: .venv/.ready ## Test the pages that people see in Chromium
	@tools/browsers.sh
	$(BIN)/python -m pytest tests/browser $(ARGS)

web: ## Build the scripts of the messenger and the tag from their source (needs npm)
	@tools/web.sh build

lint: .venv/.ready ## Check style, format and the order of the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: .venv/.ready ## Check types, strictly
	$(BIN)/mypy

format: .venv/.ready ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

audit: .venv/.ready ## Ask for known vulnerabilities of the dependencies
	@$(BIN)/python tools/audit.py

bench: .venv/.ready ## Measure speed, latency and memory on this machine
	$(BIN)/python -m bench $(ARGS)

soak: .venv/.ready ## Load the server while killing it, and count what arrives
	$(BIN)/python -m bench.soak $(ARGS)

crowd: .venv/.ready ## Let a thousand consumers and a hundred agents talk over breaking sockets, and compare transcripts
	$(BIN)/python -m bench.crowd $(ARGS)

lock: .venv/.ready ## Renew the lock files (needs uv)
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		pyproject.toml -o requirements.lock
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		pyproject.toml --group dev -o requirements-dev.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--constraint requirements-dev.lock pyproject.toml --group browser -o requirements-browser.lock

clean: ## Remove everything that was made here
	rm -rf .venv .demo var .coverage* coverage.xml .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
