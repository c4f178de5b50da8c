# Everything a contributor runs. Needs python3 (3.11 or newer) and make; `make test` also Java and Maven (see .ci/servers).
PYTHON ?= python3
# Processes that run tests; each starts a broker and a store of its own. They wait more than they work.
JOBS ?= 3
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
# Matrices are small here: more threads only wait for each other.
export OPENBLAS_NUM_THREADS = 1
.PHONY: help setup demo up test check servers otelcol bench purposes examples quality clean

help:  ## Print this list
	@sed -n 's/^\([a-z]*\):.*  ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup: $(STAMP)  ## Create .venv with the package, its servers and the development tools

$(STAMP): pyproject.toml constraints.txt
	@.ci/venv $(PYTHON)
	@touch $@

demo: setup  ## Try it out: traffic, a campaign, and the decisions, all on this machine
	@$(BIN)/stream-detector demo

up: setup  ## Start broker, store, worker and hook on this machine, without traffic, until Ctrl-C
	@$(BIN)/stream-detector up

check: setup  ## Lint, format, types and layers, exactly as in CI
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

servers: setup  ## Install what the tests start (Java, Maven, Redis, Prometheus, gateways), or say which command does
	@.ci/servers $(BIN)/python

otelcol:  ## Build the OpenTelemetry Collector for its tests, with Go; once, a few minutes
	@.ci/otelcol

test: check servers  ## Run the checks and all tests; PYTEST_ARGS="-k name" selects
	$(BIN)/pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

bench: servers  ## Run the benchmarks of tests/benchmarks
	@for script in tests/benchmarks/bench_*.py; do echo "== $$script"; PYTHONPATH=tests $(BIN)/python $$script || exit 1; done

purposes: setup  ## Train the purpose model anew, to the byte
	@$(BIN)/python -m stream_detector.simulate.purposes > stream_detector/detection/purpose_model.new
	@mv stream_detector/detection/purpose_model.new stream_detector/detection/purpose_model.toml

examples: setup  ## Make the decisions in docs/examples anew
	@.ci/examples $(BIN)/stream-detector

quality: setup  ## Run the benchmark of detection quality (up to 20 minutes); QUALITY_ARGS="--quick" selects
	@$(BIN)/stream-detector quality $(QUALITY_ARGS)

clean:  ## Remove everything that make and the tools have made
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
	find stream_detector tests -name __pycache__ -type d -prune -exec rm -rf {} +
