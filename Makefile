# `make` alone explains itself. CI uses the same words (.ci/run).

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin

# Names the versions that the environment was made of: a second `make setup` is a look for one file.
STAMP := $(VENV)/.made-of-$(shell cat requirements.lock Makefile | cksum | cut -d' ' -f1)

# One scenario by name; empty: all.
S ?=
# Further words for `lab run` or pytest.
ARGS ?=
# Tests with containers that take minutes, and those that do not.
LONG := $(addprefix tests/live_,thousand contract foreign)
LIVE := $(filter-out $(LONG),$(wildcard tests/live_*))
# These count what is on the whole engine, so nothing else may run beside them.
ALONE := tests/live_engine
# Processes that test at once; on two cores more than two gain nothing.
JOBS ?= 2

.PHONY: help
help: ## Show this list
	@echo "The lab: which process got my request, and where did TLS end?"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18
	@echo
	@echo "make scenario does all that is needed first: Python packages, engine, images. After that: $(BIN)/lab --help"

.PHONY: setup
setup: $(STAMP) ## Make .venv from requirements.lock; nothing to do when it is there

$(STAMP): requirements.lock Makefile
	@set -e; \
	python=; \
	for name in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
		if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then python=$$name; break; fi; \
	done; \
	if [ -z "$$python" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "setup: no Python 3.11 or newer here, installing python3 with apt-get"; \
		apt-get update -qq >/dev/null && apt-get install -qq -y --no-install-recommends python3 python3-venv >/dev/null; \
		if python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then python=python3; fi; \
	fi; \
	if [ -z "$$python" ]; then \
		echo "setup: Python 3.11 or newer is wanted, and the newest here is: $$(python3 --version 2>&1 || echo none)" >&2; \
		echo "Next: install one and name it: make setup PYTHON=/path/to/python3.12" >&2; exit 1; \
	fi; \
	if [ ! -x $(BIN)/python ] || ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		echo "setup: virtual environment in $(VENV) ($$($$python --version))"; \
		if ! "$$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then \
			if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
				echo "setup: this Python has no venv, installing python3-venv with apt-get"; \
				apt-get update -qq >/dev/null; \
				apt-get install -qq -y --no-install-recommends python3-venv >/dev/null; \
			else \
				echo "setup: this Python cannot make virtual environments (no module venv or ensurepip)" >&2; \
				echo "Next: as root, apt-get install python3-venv; or make setup PYTHON=/path/to/another" >&2; exit 1; \
			fi; \
		fi; \
		"$$python" -m venv --clear $(VENV); \
	fi; \
	echo "setup: Python packages of requirements.lock"; \
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-input --require-hashes -r requirements.lock; \
	site=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
	pwd > "$$site/lab-checkout.pth"; \
	printf '#!%s\nfrom lab.cli import main\nif __name__ == "__main__":\n    main()\n' "$$(pwd)/$(BIN)/python" > $(BIN)/lab; \
	chmod +x $(BIN)/lab; \
	rm -f $(VENV)/.made-of-*; \
	touch $(STAMP); \
	echo "setup: done"

.PHONY: scenario
scenario: setup ## Run all scenarios and show the routes; S=NAME runs one
	@$(BIN)/lab run $(S) $(ARGS)

.PHONY: grid
grid: setup ## Run every proxy in each TLS role before every application server; minutes, and not part of `make test`
	@$(BIN)/lab run --brief $(ARGS) scenarios/grid/*.yaml

.PHONY: test
test: setup ## Run the tests without containers, build the images, run the tests with containers, then all scenarios
	@$(BIN)/python -m pytest -q -n $(JOBS) tests --ignore-glob='tests/live_*' $(ARGS)
	@$(BIN)/lab images >/dev/null
	@$(BIN)/python -m pytest -q $(ALONE) $(ARGS)
	@$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile $(filter-out $(ALONE),$(LIVE)) $(ARGS)
	@$(BIN)/python -m pytest -q -n $(JOBS) --dist loadscope scenarios $(ARGS)

.PHONY: long
long: setup ## Run what takes longer: a thousand probes, every server against its contract, deployments of others
	@$(BIN)/python -m pytest -q $(LONG) $(ARGS)

.PHONY: unit
unit: setup ## Run the tests that need no container engine
	@$(BIN)/python -m pytest -q -n $(JOBS) tests --ignore-glob='tests/live_*' $(ARGS)

.PHONY: check
check: setup ## Report what the linter, the type checker, the walls and the generated files find
	@if grep -rnIE '^(<<<<<<<|>>>>>>>)( |$$)' --exclude-dir=.git --exclude-dir=.venv --exclude-dir=runs --exclude-dir=.lab .; then \
		echo "check: a merge was left unfinished in the lines above" >&2; exit 1; fi
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/lab compose --check
	@$(BIN)/lab claims --check
	@$(BIN)/lab limits --check
	@$(BIN)/lab schema --check

.PHONY: fix
fix: setup ## Repair what can be repaired: formatting, imports, generated files
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/lab compose
	@$(BIN)/lab claims --write
	@$(BIN)/lab limits --write
	@$(BIN)/lab schema --write

.PHONY: bench
bench: setup ## Time each scenario, warm, beside docker compose up and down; and what recording costs its servers
	@$(BIN)/python -m tests.bench $(ARGS)
	@$(BIN)/python -m tests.bench_recorder

.PHONY: doctor
doctor: setup ## Show engine, kernel and the witnesses that this machine allows
	@$(BIN)/lab doctor

.PHONY: clean
clean: ## Remove all that the lab left on the engine, and caches; runs/ stays
	@if [ -x $(BIN)/lab ]; then $(BIN)/lab clean; fi
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
