# From a fresh clone: `make demo`, `make test`. Everything is installed into .venv; `make help` lists the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 24

.PHONY: venv
venv: $(STAMP) ## create .venv and install what the targets need

$(STAMP): host_tools/pyproject.toml
	@echo "installing into $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable 'host_tools[test,dev]'
	@touch $@

.PHONY: test
test: $(STAMP) ## run every test that needs no hardware
	@$(BIN)/python -m pytest -c tests/pytest.ini tests

.PHONY: tables
tables: $(STAMP) ## write the files generated from host_tools/bg95_host/tables
	@$(BIN)/python -m bg95_host.tables

.PHONY: lint
lint: $(STAMP) ## ruff
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

.PHONY: format
format: $(STAMP) ## ruff, writing
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

.PHONY: clean
clean: ## remove what was built (not .venv)
	@rm -rf build .pytest_cache .ruff_cache
