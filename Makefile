# make demo    install into .venv and classify handwritten digits
# make test    all tests
# make tiny    ten tests, five seconds, no TensorFlow
# make check   formatting, lint, types, tests
# make wheels  build the wheels with their packs of compiled kernels into dist/
# make clean   remove .venv and caches
#
# PYTHON=python3.12 chooses the interpreter; else the first suitable one is taken.

VENV := .venv
BIN := $(VENV)/bin
MINIMUM := 10
# TensorFlow, which the tests compare with, has no wheels for Python 3.14 yet; without it everything else still runs.
CANDIDATES := python3 python3.13 python3.12 python3.11 python3.10 python3.14
SUITABLE = import sys, venv, ensurepip; sys.exit(not (3, $(1)) <= sys.version_info < (3, $(2)))
find = $(firstword $(foreach python,$(if $(PYTHON),$(PYTHON),$(CANDIDATES)),\
	$(shell $(python) -c '$(call SUITABLE,$(MINIMUM),$(1))' >/dev/null 2>&1 && echo $(python))))

.PHONY: demo test tiny check wheels clean
.DEFAULT_GOAL := demo

demo: $(VENV)/installed-jit
	$(BIN)/python -m edgeload.demo

test: $(VENV)/installed-test
	$(BIN)/python -m pytest -n 2

# Compiled kernels stay in .venv from one run to the next, under a key of their source.
tiny: $(VENV)/installed-tiny
	EDGELOAD_TEST_CACHE=$(VENV)/tiny-cache $(BIN)/python -m pytest -m tiny -q

check: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2

# Compiled kernels stay in .venv, under a key of their source: the second time takes seconds.
wheels: $(VENV)/installed-jit
	EDGELOAD_CACHE=$(VENV)/pack-cache $(BIN)/python scripts/build_wheels.py

# An install is repeated only when pyproject.toml has changed. Keras 2 comes by itself: it asks for the package
# tensorflow, which is tensorflow-cpu with 1.5 GB for GPUs.
$(VENV)/installed-%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	$(if $(filter test dev,$*),$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps tf_keras)
	@touch $@

$(BIN)/python:
	@python='$(or $(call find,14),$(call find,15))'; \
	if [ -z "$$python" ]; then \
		echo 'edgeload needs Python 3.$(MINIMUM) or newer with the modules venv and ensurepip. None of' \
			'$(or $(PYTHON),$(CANDIDATES)) fits.' \
			'On Debian: apt-get install python3 python3-venv; or say make PYTHON=/path/to/python3.' >&2; \
		exit 1; \
	fi; \
	"$$python" -m venv $(VENV)

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
