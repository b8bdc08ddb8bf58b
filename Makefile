# The commands of the project. `make run` and `make test` set everything up themselves.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
INBOX  ?=

.PHONY: run test test-heavy test-scale bench ui clean help

help:            ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(READY): requirements.lock pyproject.toml
	@echo "setting up $(VENV) (once, one to three minutes)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

# INBOX goes through the environment: make would split a folder name at its blanks.
run: export PXW_INBOX := $(or $(INBOX),$(PXW_INBOX))
run: $(READY)    ## vendor files to published KPI marts (INBOX="folder or URL" for your own files)
	@$(BIN)/pxw run --sample-if-empty

test: $(READY)   ## all tests but the heavy and the large ones
	@$(BIN)/python -m pytest -n auto --dist loadfile -m "not scale and not heavy"

test-heavy: $(READY)   ## tests that make whole runs: rebuilds, orders of arrival, recounts of every value, recipes
	@$(BIN)/python -m pytest -n auto --dist loadfile -m heavy

test-scale: $(READY)   ## tests on large data
	@$(BIN)/python -m pytest -m scale

bench: $(READY)  ## the whole run, the charts and the case mix of a large group, against plain scripts: same input, same machine
	@$(BIN)/python -m bench
	@$(BIN)/python -m bench.trends
	@$(BIN)/python -m bench.scores

ui: $(READY)     ## the Dagster page on the warehouse of `make run`
	@$(BIN)/pxw ui

clean:           ## remove the virtual environment; a warehouse is never touched
	rm -rf $(VENV)
