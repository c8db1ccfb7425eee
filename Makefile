# Every target makes its own virtual environment in .venv where there is none.
PYTHON ?= python3
BIN := .venv/bin
# One BLAS thread per process unless the user says otherwise: results then do not depend on cores.
export PYTHONHASHSEED ?= 0

.PHONY: demo test check bench peers fuzz studies clean

demo: .venv/installed
	$(BIN)/python -m pulsefront.demo --out out/demo

test: .venv/installed-dev
	$(BIN)/pytest --ignore=tests/peers --ignore=tests/benchmarks -m "not slow" -n auto

check: .venv/installed-dev
	$(BIN)/ruff check src tests
	$(BIN)/ruff format --check src tests
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/installed-dev
	$(BIN)/pytest tests/benchmarks -o addopts="-ra --strict-markers" --benchmark-only

peers: .venv/installed-dev
	$(BIN)/pytest tests/peers -s

fuzz: .venv/installed-dev
	$(BIN)/pytest tests -m fuzz

studies: .venv/installed

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --constraint constraints.txt torch numpy
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:
	rm -rf .venv out build dist
