# make demo   trains a resistor network on the iris data; needs Python 3.11 or later and nothing else
# make test   the whole test suite, with ngspice as the judge
# make lint   style and types
# make bench  the benchmarks, which take long
# make docs   all figures anew
# make site   the documentation as a site, in build/site

SHELL := bash
VENV := .venv
BIN := $(VENV)/bin
BENCHMARKS := $(filter-out benchmarks/fuzz_%,$(wildcard benchmarks/*.py))
CLAIMS := $(filter-out %/claim.py %/networks.py,$(wildcard docs/claims/*.py))

# The first Python that is new enough, not only by name: a version manager's shim may stand for none.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

.PHONY: demo test lint bench docs site ngspice clean

demo: $(VENV)/.installed
	$(BIN)/netlearn train netlists/iris.cir

test: $(VENV)/.installed-dev ngspice lint
	$(BIN)/python -m pytest -n 2

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-dev ngspice
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	for script in $(BENCHMARKS); do $(BIN)/python $$script || exit; done

site: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	$(BIN)/mkdocs build --strict --quiet

docs: $(VENV)/.installed-dev
	mkdir -p build
	$(BIN)/netlearn train netlists/iris.cir -o build/iris.cir --plot docs/figures/iris.png
	for script in $(CLAIMS); do $(BIN)/python $$script || exit; done

# Tests that need ngspice say so and are skipped where it cannot be installed.
ngspice:
	-@.ci/packages ngspice libngspice0

clean:
	rm -rf $(VENV) build dist

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then echo "netlearn needs Python 3.11 or later (Debian 12: apt-get install python3 python3-venv)" >&2; exit 1; fi
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || .ci/packages python3-venv
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	$(BIN)/python -m netlearn.ahead
	touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	$(BIN)/python -m netlearn.ahead
	touch $@ $(VENV)/.installed
