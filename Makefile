# Everything a developer or CI calls. `make` alone lists the targets.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ONLY ?=
# Two workers: the tests start real servers, and a plain machine has two cores. `make test WORKERS=4` for more.
WORKERS ?= 2
# Every process that may not keep the bytecode of its libraries compiles them anew (Great Expectations: 10 seconds), and
# the tests and the demo start hundreds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo up down status screenshots test check bench lock docs

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv with everything that the demo, the tests and the checks need

# uv comes first, by pip and by its own hash in the lock; it then installs the rest in seconds. Where it does not run, pip does all.
$(STAMP): requirements.txt requirements-dev.txt pyproject.toml
	@python=$$(sh deploy/find-python.sh) || exit 1; \
	echo "setup: virtual environment in $(VENV) with $$python"; \
	$(BIN)/python -c '' 2>/dev/null || "$$python" -m venv --clear $(VENV)
	@awk '/^uv==/ {found = 1} found {print} found && !/\\$$/ {exit}' requirements-dev.txt > $(VENV)/uv.txt
	@echo "setup: installing the packages of requirements-dev.txt, each checked by its hash (1 to 2 minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt \
	&& $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.txt \
	|| { echo "setup: uv does not run here, pip installs instead"; \
	     $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "setup: done; the command is $(BIN)/collecte"

demo: $(STAMP) ## start everything, play three centres' deliveries, verify; the UI stays up
	@$(BIN)/python -m demo play

up: $(STAMP) ## start everything, play nothing
	@$(BIN)/python -m demo up

down: ## end exactly what `make up` or `make demo` started
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m demo down; else echo "nothing was ever started here"; fi

status: $(STAMP) ## what of the demo is running, and where
	@$(BIN)/python -m demo status

screenshots: $(STAMP) ## pictures of the running demo for README and docs (needs Chromium)
	@$(BIN)/python -m demo.screenshots

# Where every core has a worker, the threads of BLAS wait for one another: small regressions take twice as long.
test: $(STAMP) ## the whole test suite, real servers included
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

check: $(STAMP) ## lint, types, import contract, schemas, DAG integrity, generated docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yaml
	$(BIN)/check-jsonschema --schemafile include/challenges/challenge.schema.json include/challenges/*.yaml
	$(BIN)/collecte challenge check include/challenges/*.yaml
	$(BIN)/collecte docs --check
	$(BIN)/python -m pytest -q tests/airflow/test_dag_integrity.py

bench: $(STAMP) ## benchmarks as ratios; ONLY=name runs one
	@$(BIN)/python -m benchmarks $(ONLY)

docs: $(STAMP) ## write the generated pages anew
	@$(BIN)/collecte docs

lock: $(STAMP) ## compile requirements.txt and requirements-dev.txt from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --group dev -c requirements.txt pyproject.toml -o requirements-dev.txt
