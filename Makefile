# Everything runs in .venv, which `make setup` fills from requirements.txt.
PYTHON ?= python3
PYTEST_ARGS ?= -n 2 --dist loadgroup
PORT ?= 8000
SEED ?= 1
SAMPLE ?= 60

RUN := .venv/bin/python -m
READY := .venv/.ready
# The tests that need nothing of the project but the package.
PACKAGE_TESTS := $(addprefix tests/,language catalog proof answers \
	test_cli.py test_cli_answers.py test_errors.py test_import.py test_paths.py test_strategies.py)
SPHINX := $(RUN) sphinx -c .
# Only what makes the mutants: the rest of cosmic-ray's dependencies is for running tests, which is done here.
MUTATE := build/cosmic-ray

# What the site, and the part of it that sphinx-gallery caches, are made from.
CODE := mhadoc conf.py docs/_ext pyproject.toml requirements.txt
SITE := $(CODE) docs gallery benchmarks/results.json $(wildcard *.md) LICENSE
FILES = LC_ALL=C find $(1) -type f -not -path '*/__pycache__/*' -not -path 'docs/auto_gallery/*' \
	-not -name '.*' -not -name sg_execution_times.rst -print0 | LC_ALL=C sort -zu

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup html test doctest lint coverage mutate bench style wheel installed links matrix lighthouse twice serve clean FORCE

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make .venv with every pinned package; no work when it is up to date
	@:

html: build/html/.complete ## Prove the rules, run the gallery, write the site to build/html
	@echo "The site is in build/html: make serve, or open build/html/index.html"

test: $(READY) ## Run every test, some in a browser: Chromium is installed where there is none
	@.venv/bin/python tests/chromium.py
	OMP_NUM_THREADS=1 $(RUN) pytest $(PYTEST_ARGS)

doctest: $(READY) ## Run the examples of pages and docstrings, and see that none was passed over
	$(SPHINX) -q -t without_gallery -b doctest -E -d build/doctest/.doctrees docs build/doctest
	@$(RUN) tools.examples build/doctest/output.txt

lint: $(READY) ## Check style and types
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy

coverage: $(READY) ## Run every test, and tell which lines and branches none of them reached
	@rm -rf build/coverage && mkdir -p build/coverage
	OMP_NUM_THREADS=1 $(RUN) coverage run -m pytest $(PYTEST_ARGS)
	@$(RUN) coverage combine --quiet
	@$(RUN) coverage report

mutate: $(READY) $(MUTATE) ## Break the code on purpose, and tell what no test notices; an hour
	OMP_NUM_THREADS=1 PYTHONPATH=$(MUTATE) $(RUN) tools.mutate --seed $(SEED) --sample $(SAMPLE) $(MUTANTS)

$(MUTATE):
	$(RUN) pip install --quiet --disable-pip-version-check --no-deps --target $@.new \
		cosmic-ray==8.7.0 parso==0.8.7 stevedore==5.10.0
	@mv $@.new $@

bench: $(READY) ## Measure every promise of speed next to its peer; ten minutes, on a quiet machine
	OMP_NUM_THREADS=1 $(RUN) benchmarks --json benchmarks/results.json

style: $(READY) ## Print how long and how well tested the code is, next to what it should be
	@$(RUN) tools.style

wheel: $(READY) ## Build the wheel and the source distribution into dist
	$(RUN) build --no-isolation .

installed: wheel ## Install the wheel into an empty environment and run the tests of the package there
	rm -rf build/installed
	@mkdir -p build/installed
	@cp -r tests docs tools pyproject.toml build/installed
	.venv/bin/python -m venv build/installed/.venv
	cd build/installed && .venv/bin/pip install --quiet --disable-pip-version-check -r ../../requirements.txt
	cd build/installed && .venv/bin/pip install --quiet --disable-pip-version-check --no-deps ../../dist/*.whl
	cd build/installed && OMP_NUM_THREADS=1 .venv/bin/python -m pytest $(PYTEST_ARGS) -o pythonpath= $(PACKAGE_TESTS)

links: $(READY) ## Follow every link that leads to another site
	$(SPHINX) -q -t without_gallery -b linkcheck -d build/links/.doctrees docs build/links

matrix: $(READY) ## Verify every torch release, or TORCH="2.2.2 2.13.0", and write the ledgers
	$(RUN) tools.matrix $(TORCH)

lighthouse: html ## Measure the site with Lighthouse, as a phone sees it; needs Node.js
	@.venv/bin/python tests/chromium.py
	$(RUN) tests.lighthouse

twice: ## Build the site twice, each time from nothing, and compare the two byte for byte
	$(MAKE) clean html && rm -rf dist/first && mkdir -p dist && cp -r build/html dist/first
	rm -rf build docs/auto_gallery && $(MAKE) html && diff -r dist/first build/html
	@rm -r dist/first && echo "Both builds are the same."

serve: html ## Serve the site on http://localhost:8000 (PORT=... for another)
	$(RUN) http.server --directory build/html --bind 127.0.0.1 $(PORT)

clean: ## Remove what the builds wrote; .venv stays
	rm -rf build dist docs/auto_gallery docs/sg_execution_times.rst
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

# Every page is written anew when anything changed, so that no page is older than its sources;
# only gallery scripts that nothing has changed for keep their results.
build/html/.complete: build/site.sum build/gallery.sum $(READY)
	rm -rf build/html build/doctrees
	$(SPHINX) -n -W --keep-going -b html -d build/doctrees docs build/html
	@touch $@

# Checksums, not times: a file that was deleted, or restored with an old time, counts as well.
build/site.sum: FORCE
	@mkdir -p build
	@$(call FILES,$(SITE)) | xargs -0 sha256sum > $@.new
	@cmp -s $@.new $@ || cp $@.new $@
	@rm $@.new

build/gallery.sum: FORCE
	@mkdir -p build
	@{ $(call FILES,$(CODE)) | xargs -0 sha256sum; find gallery -name '*.py' | sort; } > $@.new
	@cmp -s $@.new $@ || { rm -rf docs/auto_gallery; cp $@.new $@; }
	@rm $@.new

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 11) and sys.exit("mhadoc needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...")'
	$(PYTHON) -m venv .venv
	@echo "Installing the packages of requirements.txt into .venv: this takes a minute or two."
	@$(RUN) pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(RUN) pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
