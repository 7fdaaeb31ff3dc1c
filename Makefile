# Two commands do everything: `make run` and `make test`. Both make .venv first, when it is not there.
PYTHON ?= python3
SPEC ?= specs/sudoku.yaml
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: run test test-slow test-gpu test-browser bench bench-peers setup lint types docs clean

run: setup
	$(BIN)/oscillo run $(SPEC) $(SET)

test: setup
	$(BIN)/python -m pytest

test-slow: setup
	$(BIN)/python -m pytest -m slow

test-gpu: setup
	$(BIN)/python -m pytest -m gpu

# Pages as a browser shows them; needs Chromium.
test-browser: setup
	$(BIN)/python -m pytest -m browser

# ONLY=name runs one of the files in tests/benchmarks/.
bench: setup
	$(BIN)/python -m tests.benchmarks $(ONLY)

# The same problems by installed peers; they are installed first. ONLY names problems: sparse, dense, ensemble, ...
bench-peers: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m tests.benchmarks.peers $(ONLY)

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("oscillo needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + "; try make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "Python has no venv (Debian: apt-get install python3-venv)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/pyright

# The generated parts of the documentation; a test fails when they are out of date.
docs: setup
	$(BIN)/python docs/generate.py

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .hypothesis .ruff_cache
