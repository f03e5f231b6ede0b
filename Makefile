# Everything happens in .venv, which is made from the lock files when it is needed.

PYTHON ?= python3
TESTS ?= tests
# Much of the testing is waiting for servers: more workers than cores pay.
SPREAD ?= --numprocesses 3 --dist loadfile --no-loadscope-reorder
BIN := .venv/bin
COMPILE := echo 'setuptools>=77' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --custom-compile-command 'make lock' $(UPGRADE)

# What is installed carries the hash of what it was installed from, so that nothing is done twice.
hash = $(shell cat $(1) setup.cfg pyproject.toml | sha256sum | head -c 16)
RUN := .venv/.run-$(call hash,requirements.txt)
DEV := .venv/.dev-$(call hash,requirements-dev.txt)
SITE := entrypoints/site
PUBLISHED := tests/published
# What `npm ci` installed into a folder, under a name that tells from which lock file.
made = $(1)/node_modules/.made-$(shell sha256sum <$(1)/package-lock.json | head -c 16)
ASSETS := $(call made,$(SITE))
TOOLS := $(call made,$(PUBLISHED))

# The tests start many processes: what one of them compiled shall be there for the next.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run demo quick test measure coverage check lock bench clean golden contracts deploy docs freeze catalogs \
	media servers assets tools

help: ## Show this list
	@sed -En 's/^([a-z]+):.*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

run: $(RUN) media assets ## Serve Klarity on this machine; needs Python 3.11 and nothing else
	@exec $(BIN)/klarity serve

demo: $(RUN) media ## Play an invented town into the Klarity that `make run` serves
	@exec $(BIN)/klarity demo

quick: $(DEV) assets ## Run the tests that need no server, but for those that try many examples
	$(BIN)/python -m pytest $(SPREAD) -m 'not system and not server and not thorough' $(TESTS)

test: $(DEV) assets tools servers ## Run the tests; TESTS=tests/domain runs some of them
	$(BIN)/python -m pytest $(SPREAD) $(TESTS)

measure: $(DEV) assets tools servers ## Run the tests and measure what they cover, in child processes too
	@$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(SPREAD) $(TESTS)
	@$(BIN)/coverage combine --quiet

coverage: $(DEV) ## Judge what the last `make measure` covered
	$(BIN)/coverage report --include='domain/*,application/*' --fail-under=100
	$(BIN)/coverage report --fail-under=95

check: $(DEV) ## Lint, check formatting, types, layers and dependencies; show all that is wrong
	@scripts/list-requirements > .venv/required.txt
	@scripts/list-requirements test dev > .venv/required-dev.txt
	@failed=0; for tool in 'ruff check .' 'ruff format --check .' mypy lint-imports \
		'deptry . --requirements-files .venv/required.txt --requirements-files-dev .venv/required-dev.txt'; do \
		echo "$$tool"; $(BIN)/$$tool || failed=1; \
	done; exit $$failed

golden: $(DEV) ## Write the golden copies of new events; EVENTS="cases.CaseTagged ..."
	$(BIN)/python -m tests.golden $(EVENTS)

contracts: $(DEV) ## Write OpenAPI, AsyncAPI and the schemas of events to docs/contracts
	$(BIN)/python -m config.contracts docs/contracts

deploy: $(DEV) ## Write what depends on the services into deploy/
	$(BIN)/python -m config.manifests deploy

docs: $(DEV) ## Build this documentation as a site, in build/docs; a broken link is an error
	$(BIN)/python -m sphinx -W --keep-going -q docs build/docs
	@echo 'Open build/docs/index.html in a browser.'

freeze: ## Freeze the golden copies of all events, and the contracts, for the release VERSION
	@mkdir -p tests/golden/released docs/contracts/released/$(VERSION)
	cd tests/golden/events && sha256sum * >../released/$(VERSION).sha256
	cd docs/contracts && cp openapi.json asyncapi.json released/$(VERSION)/

catalogs: $(DEV) ## Add new texts of the site to its catalogs; then translate them there
	$(BIN)/python -m tests.site.catalogs

lock: $(DEV) ## Pin what setup.cfg asks for; UPGRADE=--upgrade takes the newest versions
	$(COMPILE) --output-file requirements.txt setup.cfg -
	$(COMPILE) --output-file requirements-dev.txt --constraint requirements.txt \
		--extra test --extra dev setup.cfg -

bench: $(DEV) servers ## Measure speed, as ratios to what this machine can do
	@command -v wrk >/dev/null || scripts/install-debian wrk
	$(BIN)/python -m benchmarks

clean: ## Remove all that was made or installed here, except data
	rm -rf .venv $(SITE)/node_modules $(PUBLISHED)/node_modules build *.egg-info .coverage .coverage.* .*_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

media:
	@{ command -v ffmpeg && command -v bwrap; } >/dev/null || \
		scripts/install-debian ffmpeg bubblewrap || { \
		echo 'Until bubblewrap is installed, all evidence waits and nothing of it is shown;'; \
		echo 'KLARITY_UNCONFINED_MEDIA=true lets media tools run without it (docs/settings.md).'; \
		echo 'Until ffmpeg is installed, video and audio wait.'; } >&2

# The style and the scripts of the site, and what its tests use.
assets: $(ASSETS)

# What validates the contracts, and generates clients from them.
tools: $(TOOLS)

$(ASSETS) $(TOOLS):
	@echo 'Installing the packages of $(@D:/node_modules=) once: a minute or more.'
	@command -v npm >/dev/null || scripts/install-debian npm || true
	@{ cd $(@D:/node_modules=) && npm ci --silent --no-audit --no-fund && touch node_modules/$(@F); } || \
		echo 'Until npm has installed the packages of $(@D:/node_modules=), pages look plain or tests fail.' >&2

servers:
	@scripts/install-servers

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'Klarity needs Python 3.11 or newer: make PYTHON=/path/to/it' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || scripts/install-debian python3-venv
	$(PYTHON) -m venv .venv

$(RUN): | $(BIN)/pip
	@echo 'Installing what Klarity needs: a minute or two, once.'
	@$(BIN)/pip install --quiet --quiet --require-hashes --requirement requirements.txt
	@$(BIN)/pip install --quiet --quiet --no-deps --no-build-isolation --editable .
	@rm -f .venv/.run-* && touch $@

$(DEV): | $(BIN)/pip
	@echo 'Installing what Klarity and its tests need: some minutes, once.'
	@$(BIN)/pip install --quiet --quiet --require-hashes --requirement requirements-dev.txt
	@$(BIN)/pip install --quiet --quiet --no-deps --no-build-isolation --editable .
	@rm -f .venv/.run-* .venv/.dev-* && touch $(RUN) $@
