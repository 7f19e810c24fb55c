# The single door: `make help` lists what can be done. Each target does its own set-up.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# What the demo and the tests need beside Python, as Debian names it.
BROKER_PACKAGES := rabbitmq-server
TEST_PACKAGES := $(BROKER_PACKAGES) amqp-tools curl etcd-client etcd-server postgresql redis-server
BENCH_PACKAGES := $(TEST_PACKAGES) gcc libc6-dev librabbitmq-dev
# A process for each core, up to four, and a RabbitMQ for each process: a test waits as often as it works.
PARALLEL := --numprocesses auto --maxprocesses 4 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo test coverage test-rabbitmq4 check fmt bench faults soak clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## Watch amqptool do its job on a private RabbitMQ, in under a minute
	@sh tests/setup/packages.sh optional $(BROKER_PACKAGES)
	@$(BIN)/python tests/demo/demo.py

test: $(READY) ## Run the whole suite against a private RabbitMQ (T=path or options narrow it)
	@sh tests/setup/packages.sh required $(TEST_PACKAGES)
	@$(BIN)/python -m pytest $(PARALLEL) $(T)

coverage: $(READY) ## Run the whole suite and tell the share of the branches that it takes; half as fast
	@sh tests/setup/packages.sh required $(TEST_PACKAGES)
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(PARALLEL) $(T)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --format=total | sed 's/^/branch coverage, percent: /'

test-rabbitmq4: $(READY) ## Run the whole suite against RabbitMQ 4 from Debian 13, unpacked beside; takes root
	@sh tests/setup/packages.sh required $(TEST_PACKAGES) debootstrap
	@sh tests/setup/rabbitmq4.sh .rabbitmq4
	@PATH="$(CURDIR)/.rabbitmq4/bin:$$PATH" $(BIN)/python -m pytest $(PARALLEL) $(T)

check: $(READY) ## Check format, lint, types, architecture and documents
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.docs.check

fmt: $(READY) ## Format the code and bring the README's blocks up to date
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/python -m tests.docs.check --write

bench: $(READY) ## Measure the speed, as ratios within one run (B=publish: only that part)
	@sh tests/setup/packages.sh required $(BENCH_PACKAGES)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench
	@$(BIN)/python -m tests.bench $(B)

# Takes some three hours in all: `Error 75` says that all is well so far and the next one goes on, `Error 1` that
# something was lost, unexplained or beyond a limit. PARTS is any of slices, fuzz, soak, reconnects and crashes.
faults: $(READY) ## Run what a release takes: faults, fuzz, crashes (BUDGET=minutes; goes on from REPORT=file)
	@sh tests/setup/packages.sh required $(TEST_PACKAGES)
	@$(BIN)/python -m tests.faults.release --report $(or $(REPORT),faults.jsonl) --budget $(or $(BUDGET),180) \
		$(if $(PARTS),--parts $(PARTS))

soak: $(READY) ## Publish and handle at full speed, and watch what the processes hold (MINUTES=20, at least 3)
	@sh tests/setup/packages.sh required $(BROKER_PACKAGES)
	@$(BIN)/python -m tests.faults.soak --minutes $(or $(MINUTES),20)

clean: ## Remove everything that the other targets made
	rm -rf $(VENV) .rabbitmq4 .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("amqptool needs Python 3.11 or later: make PYTHON=python3.x") if sys.version_info < (3, 11) else None'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
		{ $(PYTHON) -c 'import ensurepip' 2>/dev/null || sh tests/setup/packages.sh required python3-venv; } && \
		$(PYTHON) -m venv --clear $(VENV); }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@
