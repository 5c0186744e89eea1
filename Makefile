# `make demo` and `make test` need Python 3.11 or newer and nothing else; everything lands in .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# For two cores: more workers only share the same cores.
WORKERS ?= 2
OFF_TENSORFLOW := not slow and not tensorflow_only and not slow_off_tensorflow

# For lists in lists: make has no other way to name these two.
comma := ,
space := $(subst ,, )
LOWEST_EXTRAS := tensorflow jax boundary instances convert
LOWEST_TESTS := tests/layers tests/losses tests/metrics

.PHONY: help demo quick test test-tensorflow test-jax test-torch test-lowest test-newest test-all coverage bench lint format docs wheel clean
.DELETE_ON_ERROR:
# Each target has all cores to itself, also under `make -j`.
.NOTPARALLEL:

help:
	@echo "make demo      see training, evaluation, prediction and a TFLite export in three minutes"
	@echo "make quick     run the short tests on TensorFlow; make quick ARGS=--lf repeats those that failed"
	@echo "make test      run the tests on TensorFlow, JAX and PyTorch"
	@echo "               (make test-tensorflow, test-jax, test-torch: on one of them)"
	@echo "make test-all  run the long tests too, on all three"
	@echo "make test-lowest  run short tests with the lowest versions of all packages"
	@echo "make test-newest  run short tests with the newest versions of all packages; warnings are errors"
	@echo "make coverage  run the tests on TensorFlow and report the lines that no test runs"
	@echo "make bench PEERS=PYTHON  measure the speed beside the peers installed there; writes docs/performance.md"
	@echo "make lint      check style, spelling and types; make format fixes what it can"
	@echo "make docs      build the site into site/"
	@echo "make wheel     build the wheel and try it in an empty environment"

$(VENV)/created:
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) found: install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "keras-seg needs Python 3.11 or newer and $(PYTHON) is older: name a newer one with make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) has no venv module: install it (on Debian and Ubuntu: apt install python3-venv)"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/installed-%: $(VENV)/created setup.cfg pyproject.toml .ci/constraints.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[$*]"
	@touch $@

demo: $(VENV)/installed-tensorflow
	$(BIN)/keras-seg demo --overwrite

# More arguments for pytest, such as ARGS="-x tests/losses".
ARGS ?=
PYTEST := $(BIN)/python -m pytest -q -n $(WORKERS)

quick: $(VENV)/installed-test
	KERAS_BACKEND=tensorflow $(PYTEST) -m "not slow and not thorough" $(ARGS)

# The whole suite runs on each backend: a test skips itself on a backend that cannot run it.
test: test-tensorflow test-jax test-torch

test-tensorflow: $(VENV)/installed-test
	KERAS_BACKEND=tensorflow $(PYTEST) -m "not slow" $(ARGS)

# JAX spends most of its time compiling for new shapes: the two workers share what they have compiled, and the code
# is not optimized, which `make test-all` tests.
test-jax: $(VENV)/installed-test
	KERAS_BACKEND=jax JAX_DISABLE_MOST_OPTIMIZATIONS=1 JAX_COMPILATION_CACHE_DIR=$(abspath $(VENV))/jax-cache \
	JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0.1 $(PYTEST) -m "$(OFF_TENSORFLOW)" $(ARGS)

test-torch: $(VENV)/installed-test
	KERAS_BACKEND=torch $(PYTEST) -m "$(OFF_TENSORFLOW)" $(ARGS)

# The lowest versions that setup.cfg admits, in an environment of their own. PyTorch's has no CPU build everywhere.
LOWEST := $(VENV)/lowest
test-lowest: $(VENV)/created
	$(BIN)/python -m venv --clear $(LOWEST)
	.ci/lowest_versions $(LOWEST_EXTRAS) > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install -q --disable-pip-version-check -c $(LOWEST)/constraints.txt \
		-e ".[$(subst $(space),$(comma),$(LOWEST_EXTRAS))]" pytest pytest-xdist hypothesis scikit-learn pyyaml
	KERAS_BACKEND=tensorflow $(LOWEST)/bin/python -m pytest -q -n $(WORKERS) \
		-m "not slow and not thorough" $(LOWEST_TESTS) tests/data tests/training $(ARGS)
	KERAS_BACKEND=jax JAX_DISABLE_MOST_OPTIMIZATIONS=1 $(LOWEST)/bin/python -m pytest -q -n $(WORKERS) \
		-m "$(OFF_TENSORFLOW) and not thorough" $(LOWEST_TESTS) $(ARGS)

# The newest releases, in an environment of their own; a warning is how they announce what will break. Those of other
# packages among themselves are let through, one by one, in pyproject.toml.
NEWEST := $(VENV)/newest
NEWEST_TESTS := $(LOWEST_TESTS) tests/augmentation tests/data tests/inference tests/surgery tests/evaluation
test-newest: export KERAS_SEG_WARNINGS = error
test-newest: $(VENV)/created
	$(BIN)/python -m venv --clear $(NEWEST)
	$(NEWEST)/bin/python -m pip install -q --disable-pip-version-check -e ".[test]"
	for backend in tensorflow jax torch; do \
		KERAS_BACKEND=$$backend JAX_DISABLE_MOST_OPTIMIZATIONS=1 $(NEWEST)/bin/python -m pytest -q -n $(WORKERS) \
		-m "$(OFF_TENSORFLOW) and not thorough" $(NEWEST_TESTS) $(ARGS) || exit 1; done

# Long tests are listed by `make test`: here JAX optimizes what it compiles.
test-all: export KERAS_SEG_TEST_LIMIT = 0
test-all: $(VENV)/installed-test
	KERAS_BACKEND=tensorflow $(PYTEST)
	KERAS_BACKEND=jax $(PYTEST) -m "not tensorflow_only"
	KERAS_BACKEND=torch $(PYTEST) -m "not tensorflow_only"

# Counting lines takes time of its own, so that long tests are not listed.
coverage: export KERAS_SEG_TEST_LIMIT = 0
coverage: $(VENV)/installed-test
	KERAS_BACKEND=tensorflow $(PYTEST) -m "not slow" --cov --cov-report=term:skip-covered $(ARGS)

# Python of an environment with torch, segmentation-models-pytorch and monai.
PEERS ?=
bench: $(VENV)/installed-test
	@test -n "$(PEERS)" || { echo "Name the Python of an environment with the peers: make bench PEERS=/path/to/python"; exit 1; }
	KERAS_BACKEND=tensorflow $(BIN)/python benchmarks/performance.py --peers-python $(PEERS) $(ARGS)
	$(BIN)/python benchmarks/page_tables.py

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright --pythonpath $(BIN)/python

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
