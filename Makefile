# The words of this project: make setup, run, test, check. CI runs the same ones.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# PyTorch's own index of CPU builds; asked only on Linux without an NVIDIA card, and passed over where it cannot be reached.
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu

.PHONY: setup run test check loop clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Attune needs Python 3.11 or newer; this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@if [ "$$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null 2>&1; then \
	  echo "Installing torch (CPU build) ..."; \
	  $(PIP) install --quiet --no-deps --constraint constraints.txt torch --extra-index-url $(TORCH_CPU_INDEX) --retries 1 --timeout 10 2>.torch-install.log \
	    || { cat .torch-install.log; rm -f .torch-install.log; exit 1; }; rm -f .torch-install.log; \
	fi
	@echo "Installing Attune and what it needs ..."
	$(PIP) install --quiet --constraint constraints.txt --editable '.[local,dev]'
	touch $@

run: setup
	$(BIN)/attune up

test: setup
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal --cov --cov-report=term

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The figures of the README: two nights on the starter model, seen from outside.
loop: setup
	$(BIN)/python tests/bench/loop.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage*
