# Sealpoint: one verb per habit. Every target sets up all it needs: Python ≥ 3.11, Node ≥ 20 and make.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# jsii prints a banner on every call under Node 20; it says nothing about Sealpoint
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20
export PATH := $(CURDIR)/$(BIN):$(PATH)
.DEFAULT_GOAL := help

.PHONY: help setup demo demo-fleet test unit faults soak check format synth settings bootstrap diff deploy outputs \
	destroy lock clean

help: ## what there is to make
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.ready node_modules/.ready ## the Python and Node tools, as pinned

$(VENV)/.ready: requirements.lock pyproject.toml
	@echo "Installing the Python packages (once) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Sealpoint needs Python 3.11 or newer, and $(PYTHON) is older: make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

node_modules/.ready: package.json package-lock.json
	@echo "Installing the Node packages (once) ..."
	@npm ci --no-progress --loglevel=error
	@touch $@

demo: cdk.out/manifest.json ## the whole loop on this machine; DEMO_DECISION=approve|deny|expire|rollback, DEMO_JSON=path
	@$(BIN)/python -m local.demo

synth: setup ## the cloud assembly, into cdk.out/
	@rm -rf build/cdk.out
	@node_modules/.bin/cdk synth --quiet --output build/cdk.out
	@rm -rf cdk.out && mv build/cdk.out cdk.out
	@echo "The cloud assembly is in cdk.out/."

# what the assembly is made of: when one of these is newer, it is made again
SOURCES := app.py cdk.json sealpoint.example.yaml $(wildcard sealpoint.yaml) $(shell find stacks lambdas -name '*.py' -o -name '*.mjs' -o -name '*.yaml') lambdas/requirements.lock package-lock.json

cdk.out/manifest.json: $(SOURCES) | setup
	@$(MAKE) --no-print-directory synth

demo-fleet: build/fleet/manifest.json ## three regions swept, of which one does not answer
	@$(BIN)/python -m local.fleet

build/fleet/manifest.json: $(SOURCES) | setup
	@rm -rf build/fleet
	@$(BIN)/python -m local.synthesize build/fleet '{"regions": ["us-east-1", "eu-west-1", "ap-south-1"]}'

settings: setup ## check sealpoint.yaml, which `sealpoint init` makes
	@$(BIN)/python -m ops.settings

# What an account is asked about, or changed by, needs settings of its own. The app repeats their warnings.
.PHONY: configured
configured: setup
	@$(BIN)/python -m ops.settings > /dev/null

CDK := node_modules/.bin/cdk --context deploying=true

bootstrap: configured ## CDK's own stack, once for each region of sealpoint.yaml
	@$(CDK) bootstrap $(ARGS)

diff: configured ## what a deployment would change; ARGS="--profile x", as for all that follow
	@$(CDK) diff $(ARGS)

deploy: configured ## into your AWS account, every region of sealpoint.yaml; ARGS="--profile x Sealpoint-us-east-1"
	@$(CDK) deploy --require-approval broadening $(or $(ARGS),--all)

outputs: configured ## what the stacks name: the secret, the table, the URL for Slack, ...
	@$(BIN)/sealpoint outputs $(ARGS)

destroy: configured ## take it all away again, but for the records, the keys and Slack's secret
	@$(CDK) destroy $(or $(ARGS),--all)

test: check browser scanners ## everything: format, lint, types, then every test
	@$(BIN)/python -m pytest -n auto --dist loadgroup

unit: setup ## the tests of the domain: seconds
	@$(BIN)/python -m pytest tests/unit -q

faults: setup ## every call of the workflow × everything that can go wrong with it: the whole table, some minutes
	@FAULTS=all $(BIN)/python -m pytest -q tests/workflow/test_fault_matrix.py

soak: setup ## days of everything at random, again and again: SOAK_MINUTES (60), SOAK_SEED (replays)
	@$(BIN)/python -m tests.workflow.soak

check: setup ## format, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@node_modules/.bin/pyright

format: setup ## put the code into shape
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

.PHONY: bench
bench: cdk.out/manifest.json build/custodian/.ready ## every measurement, and docs/benchmarks.md: some minutes
	@$(BIN)/python -m bench

.PHONY: bench-cold
bench-cold: cdk.out/manifest.json # every function from cold to its answer, on Lambda's own runtime interface
	@$(BIN)/python -m bench.cold_start

.PHONY: bench-asset
bench-asset: cdk.out/manifest.json # what the functions' asset weighs
	@$(BIN)/python -m bench.asset

.PHONY: bench-cost
bench-cost: setup # calls, transitions and what is billed, counted: docs/cost.md and the README's table, too
	@$(BIN)/python -m bench.cost

.PHONY: bench-audit
bench-audit: setup build/custodian/.ready # beside Cloud Custodian, a boto3 loop, and what AWS's quotas allow
	@$(BIN)/python -m bench.audit

.PHONY: bench-burst
bench-burst: cdk.out/manifest.json # 10 and 100 events at once, under AWS's and Slack's limits
	@$(BIN)/python -m bench.burst

.PHONY: bench-thousand
bench-thousand: cdk.out/manifest.json ## 1,000 events at once, too: ten minutes, and not part of bench
	@$(BIN)/python -m bench.burst thousand

.PHONY: bench-soak
bench-soak: setup # a short soak, for docs/benchmarks.md
	@$(BIN)/python -m bench.soak

.PHONY: browser
browser: setup # a Chromium for the browser tests: the system's, or Debian's, or Playwright's own
	@$(BIN)/python -m tests.browser.chromium

.PHONY: scanners
scanners: build/security/.ready # checkov and pip-audit, in an environment of their own

build/security/.ready: tests/security/requirements.lock
	@echo "Installing the security scanners (once) ..."
	@test -x build/security/bin/python || $(PYTHON) -m venv build/security
	@build/security/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

build/custodian/.ready: bench/custodian/requirements.lock
	@echo "Installing Cloud Custodian, to measure beside it (once) ..."
	@test -x build/custodian/bin/python || $(PYTHON) -m venv build/custodian
	@build/custodian/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.PHONY: pictures
pictures: browser cdk.out/manifest.json # docs/card.png, docs/cards/, docs/digest/ and docs/audit/, as they are now
	@$(BIN)/python -m tests.browser.card_pictures
	@$(BIN)/python -m tests.browser.digest_pictures
	@$(BIN)/python -m tests.browser.audit_pictures

.PHONY: docs
docs: setup # docs/permissions.md, docs/settings.md and sealpoint.example.yaml, as they are now
	@$(BIN)/python -m tests.infrastructure.permissions_page
	@$(BIN)/python -m tests.infrastructure.settings_page

lock: ## pin every transitive version with its hash
	@$(PYTHON) -m venv build/lock && build/lock/bin/pip install --quiet uv
	@build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		lambdas/requirements.txt -o lambdas/requirements.lock
	@build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		requirements.txt -o requirements.lock
	@build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		tests/security/requirements.txt -o tests/security/requirements.lock
	@build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		bench/custodian/requirements.txt -o bench/custodian/requirements.lock

clean: ## remove everything that was made
	@rm -rf $(VENV) node_modules cdk.out build *.egg-info
