# `make demo` and `make test` need Python 3.11 or newer and nothing else; everything lands in .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Loaded tests share two cores well enough; more workers only share the same cores.
WORKERS ?= 2
OFF_TENSORFLOW := not slow and not tensorflow_only and not slow_off_tensorflow

.PHONY: help demo test test-all lint format docs wheel clean
.DELETE_ON_ERROR:

help:
	@echo "make demo      see training, judging, predicting and a TFLite export in three minutes"
	@echo "make test      run the tests on TensorFlow, JAX and PyTorch"
	@echo "make test-all  the same with the long ones"
	@echo "make lint      ruff and spelling; make format mends what it can"
	@echo "make docs      build the site into site/"
	@echo "make wheel     build the wheel and try it in an empty environment"

$(VENV)/created:
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) found: install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "keras-seg needs Python 3.11 or newer and $(PYTHON) is older: name a newer one with make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) has no venv module: install it (on Debian and Ubuntu: apt install python3-venv)"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/installed-%: $(VENV)/created setup.cfg pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[$*]"
	@touch $@

demo: $(VENV)/installed-tensorflow
	$(BIN)/keras-seg demo --overwrite

# The whole suite runs on each backend: what a backend cannot do is skipped by the test that says so.
# JAX compiles for each new shape, which is most of its time here: what one worker compiled the other need not, and code
# as fast as users have it is for test-all.
QUICK_JAX := JAX_DISABLE_MOST_OPTIMIZATIONS=1 JAX_COMPILATION_CACHE_DIR=$(abspath $(VENV))/jax-cache \
	JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0.1

test: $(VENV)/installed-test
	KERAS_BACKEND=tensorflow $(BIN)/python -m pytest -q -n $(WORKERS) -m "not slow"
	KERAS_BACKEND=jax $(QUICK_JAX) $(BIN)/python -m pytest -q -n $(WORKERS) -m "$(OFF_TENSORFLOW)"
	KERAS_BACKEND=torch $(BIN)/python -m pytest -q -n $(WORKERS) -m "$(OFF_TENSORFLOW)"

test-all: $(VENV)/installed-test
	KERAS_BACKEND=tensorflow $(BIN)/python -m pytest -q -n $(WORKERS)
	KERAS_BACKEND=jax $(BIN)/python -m pytest -q -n $(WORKERS) -m "not tensorflow_only"
	KERAS_BACKEND=torch $(BIN)/python -m pytest -q -n $(WORKERS) -m "not tensorflow_only"

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	$(BIN)/python .ci/check_site site

wheel: $(VENV)/installed-dev
	sh .ci/check_wheel $(BIN)/python

clean:
	rm -rf $(VENV) build dist site *.egg-info
