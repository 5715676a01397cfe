# Vitrine. `make demo` and `make test` set up .venv by themselves, from the lock files; a second call installs nothing.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
RUN := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(VENV)/bin

.PHONY: demo test test-soak test-cluster test-fast scan dev lint clean help

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /	/'

demo: $(STAMP) ## run the shipped catalog through everything; ends with counts and the path of the report
	@$(RUN)/vitrine demo

test: $(DEV_STAMP) ## every test but those that soak
	@$(RUN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not cluster and not soak"
	@$(RUN)/python -m pytest -q -p no:xdist -m "not soak" tests/cluster

test-soak: $(DEV_STAMP) ## what `make test` leaves out: a storm of killed workers, more seeds of the crash sweep, the whole demo by pods
	@$(RUN)/python -m pytest -q -p no:xdist -m "soak" tests
	@VITRINE_CRASH_SEEDS=10 $(RUN)/python -m pytest -q -p no:xdist tests/crash/test_failpoints.py

test-cluster: $(DEV_STAMP) ## runs and steps as pods of a real Kubernetes, where a test bed is at hand; wants both cores to itself
	@$(RUN)/python -m pytest -q -p no:xdist -m "not soak" tests/cluster

scan: $(DEV_STAMP) .checkov/.installed ## checkov over manifests, pods, Terraform and images, in an environment of its own
	@$(RUN)/python -m pytest -q -p no:xdist tests/k8s/test_checkov.py

.checkov/.installed: requirements-checkov.lock
	@$(PYTHON) -m venv .checkov && .checkov/bin/pip install --disable-pip-version-check -q -r requirements-checkov.lock && touch $@

test-fast: $(DEV_STAMP) ## the tests that take a few minutes at most
	@$(RUN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

dev: $(STAMP) ## Dagster's web UI and daemon on the demo project, sensors and schedules on
	@VITRINE_PROJECT=$${VITRINE_PROJECT:-demo} $(RUN)/vitrine dev

lint: $(DEV_STAMP) ## ruff, mypy on the plain floors, import-linter
	@$(RUN)/ruff check . && $(RUN)/ruff format --check . && $(RUN)/mypy && $(RUN)/lint-imports --no-cache

clean: ## remove the environment, the demo's state and outputs
	rm -rf $(VENV) .checkov .vitrine demo-out test-out .pytest_cache .mypy_cache .ruff_cache build *.egg-info

$(STAMP): requirements.lock pyproject.toml tools/install
	@tools/install $(PYTHON) $(VENV) requirements.lock && touch $@

$(DEV_STAMP): requirements-dev.lock requirements-cluster.lock requirements.lock pyproject.toml tools/install
	@tools/install $(PYTHON) $(VENV) requirements-dev.lock && touch $@ $(STAMP)
