# `make` alone lists what there is. Needs Python 3.10 or newer, and nothing else of ours.

PYTHON ?= python3
VENV ?= .venv
# cpu: the small build, no CUDA packages. cuda: torch for NVIDIA cards, several GB.
TORCH ?= cpu
# Handed to what a target runs: make run ARGS="--report report.json", make bench ARGS="--quick"
ARGS ?=
# Handed to one pytest instead of running all: make test TESTS="tests/unit -k cache"
TESTS ?=
PYTHONS ?= python3.10 python3.11 python3.12

BIN = $(VENV)/bin
BOOTSTRAP = @$(PYTHON) scripts/bootstrap.py --venv $(VENV) --torch $(TORCH)

.DEFAULT_GOAL := help
.PHONY: help run setup test check bench chaos soak settings pins clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "Variables: PYTHON=$(PYTHON) VENV=$(VENV) TORCH=$(TORCH) (or cuda) ARGS='options of what is run' TESTS=$(TESTS)"

run: ## install, play the sample clip through the whole pipeline, print a report
	$(BOOTSTRAP) --extras detection,faces,notify,report,storage
	@$(BIN)/genesis run $(ARGS)

setup: ## install what `make run`, `make test` and `make check` need, and nothing more
	$(BOOTSTRAP) --extras detection,dev

test: ## run the tests; those whose servers or data are not here say so
	$(BOOTSTRAP) --extras detection,dev
	@$(BIN)/python scripts/tests.py $(TESTS)

check: ## formatting, lint, types, and which room may import which
	$(BOOTSTRAP) --extras detection,dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --config setup.cfg

bench: ## measure everything, beside peers, and write benchmarks/results (ARGS='--quick --only bus,cache')
	$(BOOTSTRAP) --extras detection,dev
	@$(BIN)/python -m benchmarks $(ARGS)

chaos: ## break a running system 200 times while 20,000 events pass, and count what is lost or doubled (15 to 20 minutes)
	$(BOOTSTRAP) --extras detection,dev
	@$(BIN)/python -m genesis.chaos $(ARGS)

soak: ## ten minutes at a steady rate: memory and keys must stay flat
	$(BOOTSTRAP) --extras detection,dev
	@$(BIN)/python -m genesis.chaos --soak 600 $(ARGS)

settings: ## rewrite what is made from the code: configs/settings.yaml, the README's table, docs/metrics.md, the dashboards
	$(BOOTSTRAP) --extras detection
	@$(BIN)/python scripts/settings_file.py
	@$(BIN)/python scripts/readme.py
	@$(BIN)/python scripts/metrics_table.py
	@$(BIN)/python scripts/dashboards.py

pins: ## resolve all packages anew and rewrite the lower part of constraints.txt
	@$(PYTHON) scripts/pin.py $(PYTHONS)

clean: ## remove the virtual environment and what the tools have left (your data/ stays)
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -path ./.git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
