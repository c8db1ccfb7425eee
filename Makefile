# Every target makes its own virtual environment where there is none.
PYTHON ?= python3
VENV ?= .venv
OUT ?= out
FUZZ_SECONDS ?= 120
# Folder with measured files for the page of `make studies`.
MEASURED ?= ../shared/data
# Of the gallery of `make docs`, the scripts to execute: those whose names begin so, all by default.
EXECUTED ?=
CODE := src tests docs/conf.py docs/examples docs/extensions docs/plugin_example
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest
# Comparisons with others and with the clock have targets of their own.
PROJECT := --ignore=tests/peers --ignore=tests/benchmarks

.PHONY: demo docs test coverage quick slow package check bench peers fuzz studies clean

# The main job: both shipped studies from simulation to proved firmware, and a small QC fleet.
demo: $(VENV)/installed
	$(BIN)/pulsefront run position_lyso_monolithic --out $(OUT)/position_lyso_monolithic
	$(BIN)/pulsefront run timing_lyso_pair --out $(OUT)/timing_lyso_pair
	$(BIN)/pulsefront qc demo --out $(OUT)/qc
	@echo
	@echo "Open these pages:"
	@ls $(OUT)/position_lyso_monolithic/report.html $(OUT)/timing_lyso_pair/report.html $(OUT)/qc/*.html

# The site, its gallery executed; a warning is an error. It opens offline.
docs: $(VENV)/installed-docs
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -W --keep-going -q -b html \
	    -D sphinx_gallery_conf.filename_pattern=plot_$(EXECUTED) docs $(OUT)/docs
	@echo "Open $(OUT)/docs/index.html"

# All tests that need nothing but this package; slow proofs have targets of their own.
# A worker that crashes ends the run: waiting for another in its place may never end. In the order
# of their names: files of few tests are the long ones, and one of them at the end would be alone.
test: $(VENV)/installed-dev
	$(PYTEST) -n auto --dist loadfile --no-loadscope-reorder $(PROJECT) -m "not slow" --max-worker-restart=0 $(COVER)

# The same tests, with every line of the package counted; fails below the floor in pyproject.toml.
coverage:
	$(MAKE) test COVER="--cov --cov-report=term"

# Some of the rooms that need no torch, in a Python without it: the quick part of the matrix in .ci/run.
quick: $(VENV)/installed-test
	$(PYTEST) -n auto --dist loadfile -m "not slow" --max-worker-restart=0 \
	    tests/test_*.py tests/fixed_point tests/evaluate tests/events tests/qc/readers

# Tests that take more than ten seconds each.
slow: $(VENV)/installed-dev
	$(PYTEST) $(PROJECT) --ignore=tests/packaging -m slow

# The wheel, built and installed elsewhere: without extras, and with all of them.
package: $(VENV)/installed-dev
	$(PYTEST) tests/packaging

check: $(VENV)/installed-dev
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

# Speed beside peers, one thread against one thread; equality is asserted before timing.
bench: $(VENV)/installed-dev
	NUMBA_NUM_THREADS=1 $(PYTEST) tests/benchmarks -s -o addopts="-ra --strict-markers"

# Comparison with outside programs and packages; those that are absent are named as skipped.
peers: $(VENV)/installed-peers
	$(BIN)/pytest tests/peers -s

fuzz: $(VENV)/installed-dev
	PULSEFRONT_FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/pytest tests/fuzz -s

# Every study in sim_data/studies, at full length, a page of measured files if there are any, how
# often intervals hold the truth, a month of QC nights with faults, and published detectors.
studies: $(VENV)/installed
	@if [ -d "$(MEASURED)" ]; then $(BIN)/pulsefront gallery "$(MEASURED)" --out $(OUT)/measured.html; \
	else echo "no measured files in $(MEASURED): their page is left out"; fi
	@set -e; for study in sim_data/studies/*.toml; do \
	    name=$$(basename $$study .toml); \
	    $(BIN)/pulsefront run $$name --out $(OUT)/$$name; \
	done
	$(BIN)/pulsefront qc backtest --fleet reference --out $(OUT)/qc_reference
	$(BIN)/pulsefront qc rehearse --out $(OUT)/qc_rehearsal
	$(BIN)/python -m pulsefront.evaluate.coverage
	$(BIN)/pulsefront published --out $(OUT)/published.html

$(VENV)/python:
	$(PYTHON) -m venv $(VENV)
	touch $@

# What a user installs; what the tests need beside it, without torch; what a developer needs.
$(VENV)/installed: $(VENV)/python pyproject.toml constraints.txt
	$(PIP) -e ".[all]"
	touch $@

$(VENV)/installed-test: $(VENV)/python pyproject.toml constraints.txt
	$(PIP) -e ".[test]"
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) -e ".[dev]"
	touch $@

$(VENV)/installed-docs: $(VENV)/installed-dev
	$(PIP) -e ".[docs]"
	touch $@

$(VENV)/installed-peers: $(VENV)/installed-dev
	-$(PIP) -e ".[peers]"
	touch $@

clean:
	rm -rf .venv .venv-* out build dist docs/gallery docs/generated
