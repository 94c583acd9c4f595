# Every verb does its own set-up. `make` alone lists them.

VENV := .venv
BIN := $(VENV)/bin
PINS := requirements/pins.txt
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
CODE := src tests $(wildcard bench)

# Stamps: touched when the step is done, so that doing it again costs nothing.
MADE := $(VENV)/.made
RUNNABLE := $(VENV)/.runnable
READY := $(VENV)/.ready

.PHONY: help setup demo test check format bench pictures pins clean

help:  ## list the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## make .venv with the backstory command and every tool of this project
	@echo "ready: $(BIN)/backstory"

demo: $(RUNNABLE)  ## run the user service: make demo ARGS="--port 5001"
	@exec $(BIN)/backstory demo $(ARGS)

test: $(READY)  ## run every test, with branch coverage
	@sh requirements/chromium
	@$(BIN)/coverage erase
	$(BIN)/pytest -n 4 --dist worksteal -m "not alone" --cov --cov-report= --cov-fail-under=0
	$(BIN)/pytest -m alone --cov --cov-append --cov-report= --cov-fail-under=0
	$(BIN)/coverage report
	$(BIN)/coverage report --include='src/backstory/core/*,src/backstory/domain/*' --fail-under=100

check: $(READY)  ## lint, format, types, floors, dead code, public surface
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports
	$(BIN)/vulture
	@echo "$(BIN)/basedpyright --verifytypes backstory --ignoreexternal"
	@PATH="$(CURDIR)/$(BIN):$$PATH" basedpyright --verifytypes backstory --ignoreexternal \
		>$(VENV)/public-surface.txt || { cat $(VENV)/public-surface.txt; exit 1; }

format: $(READY)  ## format, and mend what ruff can mend by itself
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(READY)  ## measure, beside the raw limits and the peers
	$(BIN)/python -m bench $(ARGS)

pictures: $(READY)  ## draw the pictures of the readme anew; needs Chromium
	$(BIN)/python -m tests.browser.pictures

pins: build/pins/.made  ## choose the newest versions of everything and write them down
	build/pins/bin/python -m pip -qq --disable-pip-version-check install hatchling editables
	build/pins/bin/python -m pip -qq --disable-pip-version-check install \
		--no-build-isolation --upgrade --upgrade-strategy eager --editable '.[dev,bench]'
	{ sed '/^[^#]/,$$d' $(PINS); build/pins/bin/python -m pip freeze --exclude-editable; } > build/pins.txt
	! grep --line-number -E '^[^#]*(://|@)' build/pins.txt
	mv build/pins.txt $(PINS)
	rm -rf build

clean:  ## remove what make made
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .hypothesis \
		.mypy_cache .pytest_cache .ruff_cache .import_linter_cache

%/.made: | requirements/venv
	@sh requirements/venv $*
	@touch $@

$(RUNNABLE): pyproject.toml $(PINS) | $(MADE)
	@echo "installing Backstory"
	@$(PIP) install --constraint $(PINS) hatchling editables
	@$(PIP) install --constraint $(PINS) --no-build-isolation --editable .
	@touch $@

$(READY): pyproject.toml $(PINS) | $(MADE)
	@echo "installing Backstory and its tools; the first time takes about a minute"
	@$(PIP) install --constraint $(PINS) hatchling editables
	@$(PIP) install --constraint $(PINS) --no-build-isolation --editable '.[dev,bench]'
	@touch $(RUNNABLE) $@
