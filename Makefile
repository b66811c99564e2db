# Sealpoint: one verb per habit. Every target sets up all it needs: Python ≥ 3.11, Node ≥ 20 and make.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# jsii prints a banner on every call under Node 20; it says nothing about Sealpoint
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20
export PATH := $(CURDIR)/$(BIN):$(PATH)
.DEFAULT_GOAL := help

.PHONY: help setup demo demo-fleet playground test unit faults soak check format synth settings bootstrap diff deploy outputs \
	destroy lock clean

help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# side by side, the network being slower than the machine
setup: ## the Python and Node tools, as pinned
	@$(MAKE) -s -j2 $(VENV)/.ready node_modules/.ready

$(VENV)/.ready: requirements.lock local/installer/requirements.lock pyproject.toml
	@$(PYTHON) -m local.install $(VENV) requirements.lock --project
	@touch $@

node_modules/.ready: package.json package-lock.json .npmrc
	@$(PYTHON) -m local.patiently "Installing the Node packages (once)" npm ci --no-progress --loglevel=error
	@touch $@

# The demo plays with the example's people, whom settings of one's own needn't have.
DEMO := $(if $(wildcard sealpoint.yaml),build/demo,cdk.out)

demo: $(DEMO)/manifest.json ## the whole loop on this machine; DEMO_DECISION=approve|deny|expire|rollback, DEMO_JSON=path, OPEN=1
	@$(BIN)/python -m local.demo $(DEMO)

build/demo/manifest.json: $(SOURCES) | setup
	@rm -rf build/demo
	@$(BIN)/python -m local.patiently "Synthesizing the template" $(BIN)/python -m local.synthesize build/demo '{}'

synth: setup ## the cloud assembly, into cdk.out/
	@rm -rf build/cdk.out
	@$(BIN)/python -m local.patiently "Synthesizing the template" node_modules/.bin/cdk synth --quiet --output build/cdk.out
	@rm -rf cdk.out && mv build/cdk.out cdk.out
	@echo "The cloud assembly is in cdk.out/."

# what the assembly is made of: when one of these is newer, it is made again
SOURCES := app.py cdk.json sealpoint.example.yaml $(wildcard sealpoint.yaml) $(shell find stacks lambdas -name '*.py' -o -name '*.mjs' -o -name '*.yaml') lambdas/requirements.lock package-lock.json

cdk.out/manifest.json: $(SOURCES) build/settings-from | setup
	@$(MAKE) --no-print-directory synth

# changes when sealpoint.yaml comes or goes, too
.PHONY: always
build/settings-from: always
	@mkdir -p build && echo $(wildcard sealpoint.yaml) | cmp -s - $@ || echo $(wildcard sealpoint.yaml) > $@

demo-fleet: build/fleet/manifest.json ## three regions swept, one of them unreachable; many endpoints on one card
	@$(BIN)/python -m local.fleet

build/fleet/manifest.json: $(SOURCES) | setup
	@rm -rf build/fleet
	@$(BIN)/python -m local.patiently "Synthesizing three regions" $(BIN)/python -m local.synthesize build/fleet \
		'{"regions": ["us-east-1", "eu-west-1", "ap-south-1"], "digestAbove": 2}'

playground: build/playground/manifest.json ## the local world kept alive: Slack's page, and AWS for every command
	@$(BIN)/python -m local.playground

build/playground/manifest.json: $(SOURCES) | setup
	@rm -rf build/playground
	@$(BIN)/python -m local.patiently "Synthesizing two regions" $(BIN)/python -m local.synthesize build/playground \
		'{"regions": ["us-east-1", "eu-west-1"]}'

settings: setup ## check sealpoint.yaml, which `sealpoint init` makes
	@$(BIN)/python -m ops.settings

# What an account is asked about, or changed by, needs settings of its own. The app repeats their warnings.
.PHONY: configured
configured: setup
	@$(BIN)/python -m ops.settings > /dev/null
	@rm -rf build/deploying

# Into a folder of its own, emptied before: CDK would ship an asset that it finds there under the right name.
CDK := node_modules/.bin/cdk --context deploying=true --output build/deploying

bootstrap: configured ## CDK's own stack, once for each region of sealpoint.yaml
	@$(CDK) bootstrap $(ARGS)

diff: configured ## what a deployment would change; ARGS="--profile x", as for all that follow
	@$(CDK) diff $(ARGS)

deploy: configured ## into your AWS account, every region of sealpoint.yaml; ARGS="--profile x Sealpoint-us-east-1"
	@$(CDK) deploy --require-approval broadening $(or $(ARGS),--all)

outputs: configured ## what the stacks name: the secrets, the table, the URL for Slack, ...
	@$(BIN)/sealpoint outputs $(ARGS)

destroy: configured ## end what runs and remove the stacks; the records, the keys and Slack's credentials stay
	@$(BIN)/sealpoint uninstall $(ARGS)

test: check browser scanners ## everything: format, lint, types, then every test
	@$(BIN)/python -m pytest -n auto --dist loadgroup

unit: setup ## the tests of the domain: half a minute
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

build/security/.ready: tests/security/requirements.lock | setup
	@$(PYTHON) -m local.install build/security $<
	@touch $@

build/custodian/.ready: bench/custodian/requirements.lock | setup
	@$(PYTHON) -m local.install build/custodian $<
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

LOCKED := lambdas . local/installer tests/security bench/custodian

lock: setup ## pin every transitive version with its hash
	@test -x $(BIN)/uv || $(BIN)/pip install --quiet --require-hashes --only-binary :all: -r local/installer/requirements.lock
	@for folder in $(LOCKED); do \
		$(BIN)/uv pip compile --quiet --only-binary :all: --universal --python-version 3.11 --generate-hashes --no-header \
			$$folder/requirements.txt -o $$folder/requirements.lock || exit 1; \
	done

clean: ## remove everything that was made
	@rm -rf $(VENV) node_modules cdk.out build *.egg-info
