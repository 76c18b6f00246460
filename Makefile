# make rehearse and make test each set up what they need: a fresh machine with Python >= 3.11 is enough.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
# The stamps live in the environment they speak of: removing .venv forgets them too.
BASE := $(VENV)/.stamp-base
RUNTIME := $(VENV)/.stamp-runtime
DEV := $(VENV)/.stamp-dev
NODE := $(VENV)/.stamp-node
ARGS ?=
# Own settings of a developer's shell must not reach the tools.
unexport PYTHONPATH PYTHONHOME
# Modules are compiled when first imported (see --no-compile below): without their .pyc every start would parse them anew.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help rehearse rehearse-trustlayer cluster test test-shuffled bench readme lock clean setup setup-dev

help: ## this overview
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 29

rehearse: $(RUNTIME) $(NODE) ## set up, run the whole story on the local cloud, write out/rehearsal/report.html
	@$(BIN)/dr rehearse $(ARGS)

rehearse-trustlayer: $(RUNTIME) cluster ## site trustlayer: the five levels on real local parts, write out/trustlayer/report.html
	@$(BIN)/python -m scripts.rehearse_trustlayer $(ARGS)

cluster: $(RUNTIME) ## build the local Kubernetes control plane once (needs Go; 4 to 8 CPU minutes, kept below .venv)
	@$(BIN)/python -m localcloud.trustlayer.binaries

test: $(DEV) $(NODE) ## set up, then ruff, mypy --strict, import contracts and pytest
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q -p no:randomly $(ARGS)

test-shuffled: $(DEV) $(NODE) ## pytest alone, in a random order that it names: finds what leans on another test
	@$(BIN)/python -m pytest $(ARGS)

bench: $(DEV) $(NODE) ## set up, then print our times as ratios to a peer's in the same run
	@$(BIN)/python -m benchmarks $(ARGS)

setup: $(RUNTIME) $(NODE) ## what `make rehearse` needs, without running it

setup-dev: $(DEV) $(NODE) ## what `make test` needs, without running it

readme: $(RUNTIME) ## write the README's tables anew from the code
	@$(BIN)/python -m scripts.readme

lock: ## resolve pyproject.toml anew into the two lock files (pinned, hashed, no addresses)
	@bash .ci/lock

clean: ## remove the environment, caches, local state and reports
	@if [ -x $(BIN)/dr ]; then $(BIN)/dr local down || true; fi
	rm -rf $(VENV) .make .dr out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info

# -- set-up ------------------------------------------------------------------------------------------------

$(BASE):
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14; do \
	  if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
	  echo "no Python >= 3.11 with venv and pip was found" >&2; \
	  echo "  why it matters: everything here runs in an environment of its own, made by it" >&2; \
	  echo "  fix: install one (Debian: apt-get install python3 python3-venv), or: make PYTHON=/path/to/python $(MAKECMDGOALS)" >&2; \
	  exit 2; \
	fi; \
	[ -x $(BIN)/python ] || "$$found" -m venv $(VENV)
	@touch $@

$(RUNTIME): requirements.lock pyproject.toml | $(BASE)
	@# --no-compile: thousands of modules would be compiled, of which few are ever imported.
	@echo "installing what the rehearsal needs (once; pinned and hashed)" >&2
	@$(BIN)/python -m pip install -q --no-compile --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): requirements-dev.lock pyproject.toml | $(BASE)
	@echo "installing what the tests need (once; pinned and hashed)" >&2
	@$(BIN)/python -m pip install -q --no-compile --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@

# The Node servers of the local cloud; the module knows where they go and whether they are there already.
$(NODE): $(wildcard localcloud/data/node/package-lock.json) localcloud/data/node_parts.py | $(BASE)
	@$(MAKE) -s --no-print-directory $(if $(wildcard $(DEV)),$(DEV),$(RUNTIME))
	@$(BIN)/python -c 'from localcloud.data import node_parts; node_parts.ensure()'
	@touch $@
