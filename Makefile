# Every target makes its own virtual environment in .venv where there is none.
PYTHON ?= python3
OUT ?= out
FUZZ_SECONDS ?= 120
# Folder with measured files for the page of `make studies`.
MEASURED ?= ../shared/data
BIN := .venv/bin

.PHONY: demo test check bench peers fuzz studies clean

# The main job: both shipped studies from simulation to proved firmware, and a small QC fleet.
demo: .venv/installed
	$(BIN)/pulsefront run position_lyso_monolithic --out $(OUT)/position_lyso_monolithic
	$(BIN)/pulsefront run timing_lyso_pair --out $(OUT)/timing_lyso_pair
	$(BIN)/pulsefront qc demo --out $(OUT)/qc
	@echo
	@echo "Open these pages:"
	@ls $(OUT)/position_lyso_monolithic/report.html $(OUT)/timing_lyso_pair/report.html $(OUT)/qc/*.html

# All tests that need nothing but this package; slow proofs have targets of their own.
# A worker that crashes ends the run: waiting for another in its place may never end.
test: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadfile --ignore=tests/peers --ignore=tests/benchmarks -m "not slow" --max-worker-restart=0

check: .venv/installed-dev
	$(BIN)/ruff check src tests
	$(BIN)/ruff format --check src tests
	$(BIN)/mypy
	$(BIN)/lint-imports

# Speed beside peers, one thread against one thread; equality is asserted before timing.
bench: .venv/installed-dev
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/pytest tests/benchmarks -s -o addopts="-ra --strict-markers"

# Comparison with outside programs and packages; those that are absent are named as skipped.
peers: .venv/installed-peers
	$(BIN)/pytest tests/peers -s

fuzz: .venv/installed-dev
	PULSEFRONT_FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/pytest tests/fuzz -s

# Every study in sim_data/studies, at full length, and a page of measured files if there are any.
studies: .venv/installed
	@if [ -d "$(MEASURED)" ]; then $(BIN)/pulsefront gallery "$(MEASURED)" --out $(OUT)/measured.html; \
	else echo "no measured files in $(MEASURED): their page is left out"; fi
	@set -e; for study in sim_data/studies/*.toml; do \
	    name=$$(basename $$study .toml); \
	    $(BIN)/pulsefront run $$name --out $(OUT)/$$name; \
	done
	$(BIN)/pulsefront qc backtest --fleet reference --out $(OUT)/qc_reference

.venv/python:
	$(PYTHON) -m venv .venv
	touch $@

.venv/installed: .venv/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[all]"
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

.venv/installed-peers: .venv/installed-dev
	-$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[peers]"
	touch $@

clean:
	rm -rf .venv out build dist
