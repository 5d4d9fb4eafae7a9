# The words of this project: make setup, run, test, check. CI runs the same ones.
PYTHON ?= python3
VENV := .venv
# Real clients of the API, for the tests: they are programs of their own and live apart from the service's environment.
CLIENTS := .clients
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# PyTorch's own index of CPU builds; asked only on Linux without an NVIDIA card, and passed over where it cannot be reached.
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu

.PHONY: setup run test check clients widget loop rehearsals bench bench-curation clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Attune needs Python 3.11 or newer; this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@if [ "$$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null 2>&1; then \
	  echo "Installing torch (CPU build) ..."; \
	  $(PIP) install --quiet --no-compile --no-deps --constraint constraints.txt torch --extra-index-url $(TORCH_CPU_INDEX) --retries 1 --timeout 10 2>.torch-install.log \
	    || { cat .torch-install.log; rm -f .torch-install.log; exit 1; }; rm -f .torch-install.log; \
	fi
	@echo "Installing Attune and what it needs ..."
	$(PIP) install --quiet --no-compile --constraint constraints.txt --editable '.[local,dev]'
	@echo "Compiling it on all cores ..."
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true  # some packages bring files that are not meant to be Python of today
	touch $@

run: setup
	$(BIN)/attune up

# One thread for each model: the tests share the cores already, and threads that wait for each other do no work.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.measuring

# What the tests in tests/clients talk through; they ask for it themselves where it is not there yet.
clients: $(CLIENTS)/.installed

$(CLIENTS)/.installed: tests/clients/requirements.txt tests/clients/package.json tests/clients/package-lock.json
	@command -v npm >/dev/null 2>&1 || { echo "Node and npm are missing. Install them: apt-get install nodejs npm" >&2; exit 1; }
	test -x $(CLIENTS)/python/bin/python || $(PYTHON) -m venv $(CLIENTS)/python
	$(CLIENTS)/python/bin/python -m pip --disable-pip-version-check install --quiet --requirement tests/clients/requirements.txt
	mkdir -p $(CLIENTS)/node
	cp tests/clients/package.json tests/clients/package-lock.json $(CLIENTS)/node/
	npm ci --prefix $(CLIENTS)/node --ignore-scripts --no-audit --no-fund --loglevel error
	touch $@

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/bench/widget.py

# The widget's files in service/web/dist, from its sources; needs Node 20 or newer. They are kept in git, so that nothing else needs it.
widget:
	cd service/web/frontend && npm ci --ignore-scripts --no-audit --no-fund && npm run check && npm test && npm run build

# The figures of the README: two nights on the starter model, seen from outside.
loop: setup
	$(BIN)/python tests/bench/loop.py

# Does it learn hidden tastes, and only what it should? Five tastes, hostile people, twenty rehearsals without a taste, and fifteen candidates
# that are trained badly: some hours on two cores.
rehearsals: setup
	$(BIN)/python tests/bench/rehearsals.py
	$(BIN)/python tests/bench/bad_candidates.py

# Streams, canary, gate, training, hosting and curation in figures, rehearsals last. QUICK=--quick for minutes instead of hours, and without rehearsals.
bench: setup bench-curation
	$(BIN)/python tests/bench/speed.py $(QUICK)
	$(BIN)/python tests/bench/canary.py $(if $(QUICK),--runs 500)
	$(BIN)/python tests/bench/gate.py
	$(BIN)/python tests/bench/training.py
	$(BIN)/python tests/bench/hosting.py
	$(if $(QUICK),,$(MAKE) rehearsals)

# What a dataset costs at growing sizes, what curation catches of what was planted, and how well and fast personal data is replaced.
bench-curation: setup
	$(BIN)/python tests/bench/curation.py $(QUICK)
	$(BIN)/python tests/bench/curation_quality.py
	$(BIN)/python tests/bench/redaction.py

clean:
	rm -rf $(VENV) $(CLIENTS) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
