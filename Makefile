# From a fresh clone: `make demo`, `make test`. All is installed into .venv; `make help` lists the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
BUILD  := build

# What to run on, and with: make hil RIG=serial PORT=/dev/ttyACM0 MODULE=real BOARD=RPI_PICO APN=iot.apn
RIG      ?= virtual
PORT     ?=
MODULE   ?=
BOARD    ?=
FIRMWARE ?=
PLACE    ?=
PROFILE  ?=
APN      ?=
PIN      ?=
SERVER   ?=
CA       ?=
APP      ?=
TESTS    ?= tests

option  = $(if $($(1)),--$(2) '$($(1))')
on_rig  = --rig '$(RIG)' $(call option,PORT,port) $(call option,MODULE,module) \
          $(call option,BOARD,board) $(call option,FIRMWARE,firmware) $(call option,PLACE,place) \
          $(call option,PROFILE,profile)
in_field = $(call option,APN,apn) $(call option,SERVER,server) $(call option,CA,ca)

# One stamp for each group of dependencies of host_tools/pyproject.toml, so that a demo waits for no compiler or plotter.
CORE    := $(VENV)/.installed-core
TESTING := $(CORE) $(patsubst %,$(VENV)/.installed-%,test image bench)
DEV     := $(TESTING) $(VENV)/.installed-dev
RIG_DEPS = $(CORE) $(patsubst %,$(VENV)/.installed-%,$(filter pico-emulator labgrid,$(RIG))) $(patsubst %,$(BUILD)/%,$(filter labgrid,$(RIG)))

.DEFAULT_GOAL := help
.NOTPARALLEL: # two pips would fight over one .venv

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

.PHONY: demo
demo: $(CORE) ## see it work: driver, virtual board, simulated module, real TLS (PROFILE=)
	@$(BIN)/bg95 demo $(call option,PROFILE,profile)

.PHONY: test
test: $(TESTING) ## run every test that needs no hardware (TESTS=path for some)
	@$(BIN)/python -m pytest -c tests/pytest.ini $(TESTS)

.PHONY: hil
hil: $(RIG_DEPS) $(TESTING) ## hardware-in-the-loop tests (RIG= PORT= MODULE= BOARD= FIRMWARE= PLACE= PROFILE= APN= PIN= SERVER= CA=)
	@$(if $(PIN),BG95_PIN='$(PIN)') $(BIN)/bg95 hil $(on_rig) $(in_field)

.PHONY: bench
bench: $(RIG_DEPS) $(VENV)/.installed-bench ## measure, and plot into build/bench (RIG= PROFILE=)
	@$(BIN)/bg95 bench $(on_rig)

.PHONY: deploy
deploy: $(CORE) ## put the compiled driver on a board (PORT= BOARD= APP=)
	@$(BIN)/bg95 deploy $(call option,PORT,port) $(call option,BOARD,board) $(call option,APP,app)

.PHONY: image
image: $(CORE) $(VENV)/.installed-image ## one flashable file (BOARD= FIRMWARE= APP=)
	@$(BIN)/bg95 image $(call option,BOARD,board) $(call option,FIRMWARE,firmware) $(call option,APP,app)

.PHONY: tables
tables: $(CORE) ## write the files generated from host_tools/bg95_host/tables
	@$(BIN)/python -m bg95_host.tables

.PHONY: captures
captures: $(TESTING) $(if $(FIRMWARE),$(VENV)/.installed-pico-emulator) ## run every tool, and write what it printed into host_tools/README.md (FIRMWARE=)
	@FIRMWARE='$(abspath $(FIRMWARE))' $(BIN)/python host_tools/captures.py

.PHONY: lint
lint: $(DEV) ## ruff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

# The driver is checked against what each port of MicroPython really has, not against CPython.
.PHONY: typecheck
typecheck: $(DEV) $(BUILD)/stubs/rp2 $(BUILD)/stubs/esp32 ## pyright: host tools, and the driver against MicroPython's stubs
	@$(BIN)/pyright --project .pyright/host_tools.json
	@$(BIN)/pyright --project .pyright/firmware-rp2.json
	@$(BIN)/pyright --project .pyright/firmware-esp32.json

.PHONY: format
format: $(DEV) ## ruff, writing
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: clean
clean: ## remove what was built (not .venv)
	@rm -rf $(BUILD) .pytest_cache .ruff_cache

.PHONY: venv
venv: $(DEV) ## create .venv with all that the targets above need, but do nothing

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Python 3.10 or newer is needed: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(CORE): host_tools/pyproject.toml | $(BIN)/python
	@echo "installing bg95_host into $(VENV) ..."
	@$(PIP) --editable host_tools
	@touch $@

$(VENV)/.installed-%: host_tools/pyproject.toml | $(BIN)/python
	@echo "installing what '$*' needs into $(VENV) ..."
	@$(PIP) --editable 'host_tools[$*]'
	@touch $@

# labgrid brings a pyserial of its own under the same name: it gets a virtualenv of its own.
.PHONY: labgrid
labgrid: $(BUILD)/labgrid ## labgrid's commands, in build/labgrid/bin
$(BUILD)/labgrid: | $(BIN)/python
	@echo "installing labgrid into $@ ..."
	@rm -rf $@ && $(PYTHON) -m venv $@ && \
	  { $@/bin/python -m pip install --quiet --disable-pip-version-check labgrid==26.0.1 || { rm -rf $@; exit 1; }; }

STUBS_VERSION := 1.29.0.post1

$(BUILD)/stubs/%: | $(BIN)/python
	@echo "installing the type stubs of MicroPython's $* port ..."
	@rm -rf $@ && $(PIP) --target $@.new micropython-$*-stubs==$(STUBS_VERSION) && mv $@.new $@
