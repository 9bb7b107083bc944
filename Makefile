# make demo   build everything and start an auth server on SQLite at http://127.0.0.1:3000 (PORT and DB override)
# make test   set up what the tests need and run them all
# make check  formatting, lints, generated files, dependencies, types
# make audit  known advisories of all dependencies, asked for at their sources (needs the network)
# make test-python39   the Python tests by Python 3.9, the oldest that the package is for (PYTHON39 names it)
# make soak   the long forms of tests that "make test" runs in short: many failovers, busy machines, floods; "make schedules" and "make faults"
# make fuzz   every fuzz target under libFuzzer for a minute (FUZZ_SECONDS=3600 an hour, TARGETS="token jwks" those alone; KEEP=1 keeps inputs)
# make coverage   lines and branches of the core that the Rust tests take (ONLY="binary(pure)" runs those tests alone)
# make mutants   change one decision after another in the modules that decide, and see whether a test notices (ONLY="session.rs limit" those files)
# make schedules   the long form of properties that hold in any order of the steps of tasks, and lints of what only they compile
# make faults the tests for faults of 6.0.0 beside that version, where they must fail; both versions over one database
# make bench  speed, as ratios against peers and floors in one run
# make bench-before   speed beside 6.0.0 in one run (ROUNDS=5 takes fewer rounds)
# make pack   installable tarballs in target/npm
# make release-check   whether the packages of this tree may be released
# make release  packages of all platforms in target/release-packages, from what make platforms left on each system, and judged
# make sbom     a bill of materials (CycloneDX) of the packages in target/sbom
# make try-packages  install packages as anybody would, and use them (PACKAGES names their folder)
# make publish-npm   publish those of PACKAGES to npm (DRY_RUN=1 publishes nothing)
# make wheel  an installable Python wheel in target/wheels
# make platforms  packages of all platforms in target/platforms (PLATFORM=linux-arm64-gnu makes those of one)
# make test-platforms  look at those packages, and use them by Node and Python of their platforms
# make bindings LANG=ruby|kotlin|swift   the core's bindings for another language in target/bindings
# make docs    the documentation as a site in target/docs, with search
# make format     format Rust, TypeScript and Python
# make declarations   accept the public declarations of TypeScript and Python as they are
# make generate   write the files that are derived from the core's tables

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PORT ?= 3000
DB ?= sqlite:./sentri.db

PYTHON ?= python3
PYTHON39 ?= python3.9

# LANG is also the locale of every command, and what is set on the command line is handed on to all of them.
ifeq ($(origin LANG),command line)
BINDINGS := $(LANG)
override export LANG := C.UTF-8
endif

CARGO_SOURCES = Cargo.toml Cargo.lock $(shell find core bindings-node bindings-python/src bindings-python/bindgen bindings-python/Cargo.toml -type f \( -name '*.rs' -o -name '*.sql' -o -name 'Cargo.toml' \))
NPM_SOURCES = npm/package.json $(wildcard npm/tsconfig*.json) $(shell find npm/src npm/scripts -type f)
PYTHON_SOURCES = bindings-python/pyproject.toml $(shell find bindings-python/python \( -name '*.py' -o -name '*.json' \) -not -path '*/_native/*')
VENV := $(CURDIR)/target/venv
# Of a Python environment, the folder of its programs.
BIN := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
PACKAGES ?=
# Begins a command in a container, where IMAGE names one: that of another C library.
TRY := $(if $(IMAGE),docker run --rm --volume '$(CURDIR):/sentri' --workdir /sentri $(IMAGE))
# Compiles for this machine; on Linux for any with glibc 2.17 or later.
NATIVE := node platforms/native.mjs
NATIVE_SOURCES := $(addprefix platforms/,native.mjs toolchain.mjs requirements.txt)
STAMPS := target/stamps
NEXTEST := cargo nextest
# Always of the whole workspace: a package by itself would be built with other features, and so once more.
GENERATE = cargo build --quiet --workspace --example generate && $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/debug/examples/generate

.PHONY: help demo test check check-rust check-node check-python audit packages test-build test-rust test-core test-load test-schedules test-node test-python test-python39 test-ruby soak schedules fuzz coverage mutants faults bench bench-before bench-python pack release-check release sbom try-packages publish-npm wheel platforms test-platforms bindings docs generate declarations format clean

help:
	@sed -n '/^# /!q;s/^# //p' Makefile

$(STAMPS):
	@mkdir -p $@

# --- what is built once -------------------------------------------------------------------------------------------

$(STAMPS)/npm-install: npm/package.json npm/package-lock.json | $(STAMPS)
	@echo '==> npm packages for the build'
	npm --prefix npm ci --no-audit --no-fund
	@touch $@

$(STAMPS)/addon: $(CARGO_SOURCES) $(NATIVE_SOURCES) npm/scripts/build-native.mjs | $(STAMPS)
	@echo '==> native core for Node (release; a few minutes the first time)'
	node npm/scripts/build-native.mjs
	@touch $@

$(STAMPS)/npm-build: $(STAMPS)/npm-install $(NPM_SOURCES)
	@echo '==> TypeScript'
	npm --prefix npm run build
	@touch $@

$(STAMPS)/pack: $(STAMPS)/addon $(STAMPS)/npm-build README.md Cargo.lock
	@echo '==> tarballs'
	node npm/scripts/pack.mjs
	@touch $@

$(STAMPS)/node-test-install: tests/node/package.json tests/node/package-lock.json | $(STAMPS)
	@echo '==> npm packages for the tests'
	npm --prefix tests/node ci --no-audit --no-fund
	@touch $@

$(STAMPS)/runtimes-install: tests/runtimes/package.json tests/runtimes/package-lock.json | $(STAMPS)
	@echo '==> Bun, Deno, edge runtimes and a browser for the tests'
	npm --prefix tests/runtimes ci --ignore-scripts --no-audit --no-fund
	tests/services/chromium.sh
	tests/services/nginx.sh
	@touch $@

$(STAMPS)/release-install: tests/release/package.json tests/release/package-lock.json | $(STAMPS)
	@echo '==> npm packages that judge a release'
	npm --prefix tests/release ci --ignore-scripts --no-audit --no-fund
	@touch $@

$(STAMPS)/bench-install: tests/bench/package.json tests/bench/package-lock.json | $(STAMPS)
	@echo '==> npm packages for the benchmarks'
	npm --prefix tests/bench ci --no-audit --no-fund
	@touch $@

$(STAMPS)/venv: tests/python/requirements.txt | $(STAMPS)
	@echo '==> Python packages for the build and the tests'
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' || \
	  { echo 'The tests need Python 3.10 or later with venv. Set PYTHON=, or: apt-get install python3 python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/$(BIN)/pip install --quiet --disable-pip-version-check -r tests/python/requirements.txt
	@touch $@

$(STAMPS)/wheel: $(STAMPS)/venv $(CARGO_SOURCES) $(NATIVE_SOURCES) $(PYTHON_SOURCES)
	@echo '==> Python wheel (release; a few minutes the first time)'
	rm -rf target/wheels bindings-python/python/sentri/_native
	node npm/scripts/notices.mjs
	$(NATIVE) $(VENV)/$(BIN)/maturin build --quiet --release --manifest-path bindings-python/Cargo.toml --out target/wheels
	@touch $@

$(STAMPS)/python-install: $(STAMPS)/wheel
	$(VENV)/$(BIN)/pip install --quiet --disable-pip-version-check --force-reinstall --no-deps target/wheels/sentri-*.whl
	@touch $@

$(STAMPS)/python39-install: $(STAMPS)/wheel tests/python/requirements39.txt
	@echo '==> Python packages for the tests by Python 3.9'
	@$(PYTHON39) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 9))' || \
	  { echo 'There is no Python 3.9 with venv: set PYTHON39=' >&2; exit 1; }
	$(PYTHON39) -m venv --clear $(VENV)39
	$(VENV)39/$(BIN)/pip install --quiet --disable-pip-version-check -r tests/python/requirements39.txt
	$(VENV)39/$(BIN)/pip install --quiet --disable-pip-version-check --no-deps target/wheels/sentri-*.whl
	@touch $@

$(STAMPS)/ruby: | $(STAMPS)
	@if ! ruby -e 'require "ffi"' 2>/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo '==> installing the Debian packages ruby and ruby-ffi'; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ruby ruby-ffi >/dev/null; \
	  else \
	    echo 'The Ruby test needs ruby and its gem ffi: apt-get install ruby ruby-ffi' >&2; exit 1; \
	  fi; \
	fi
	@touch $@

# --- the commands -------------------------------------------------------------------------------------------------

demo: $(STAMPS)/addon $(STAMPS)/npm-build
	PORT='$(PORT)' DB='$(DB)' node npm/dist/cli/main.js serve

pack: $(STAMPS)/pack
	@ls -l target/npm/*.tgz

release-check: $(STAMPS)/pack $(STAMPS)/wheel $(STAMPS)/release-install audit
	node npm/scripts/release-check.mjs --wheels target/wheels $(if $(UNRELEASED),--unreleased)

# The machines that built the platforms have left their cores and wheels in target/platforms.
release: $(STAMPS)/npm-build $(STAMPS)/release-install audit sbom
	rm -rf target/release-packages
	mkdir -p target/release-packages/wheels
	cp target/platforms/wheels/*.whl target/release-packages/wheels/
	cp target/sbom/*.cdx.json target/release-packages/
	node npm/scripts/pack.mjs --from target/platforms/cores --out $(CURDIR)/target/release-packages/npm \
	  $(patsubst target/platforms/cores/sentri.%.node,%,$(wildcard target/platforms/cores/sentri.*.node))
	node npm/scripts/release-check.mjs --out target/release-packages/npm --wheels target/release-packages/wheels --complete \
	  $(if $(UNRELEASED),--unreleased)

# Crates for all platforms, npm packages in the bundles; checked by the schema.
sbom: $(STAMPS)/npm-install $(STAMPS)/venv
	$(VENV)/$(BIN)/python tests/release/sbom.py "$$(node npm/scripts/sbom.mjs)"

try-packages: ; @$(TRY) node platforms/try.mjs $(or $(PACKAGES),target)/npm $(or $(PACKAGES),target)/wheels

publish-npm:
	node npm/scripts/publish.mjs $(or $(PACKAGES),target)/npm $(if $(DRY_RUN),--dry-run)

wheel: $(STAMPS)/wheel
	@ls -l target/wheels/*.whl

# Cargo knows what has changed, so this has no stamp; DEV=1 leaves out optimisation.
platforms: $(STAMPS)/npm-build $(STAMPS)/wheel
	node platforms/build.mjs $(if $(DEV),--dev) $(PLATFORM)
	@ls -l target/platforms/npm/*.tgz target/platforms/wheels/*.whl

test-platforms:
	@platforms/emulators.sh
	node --test --test-reporter=spec platforms/platforms.test.mjs

bindings: | $(STAMPS)
	@case '$(BINDINGS)' in ruby|kotlin|swift|python) ;; *) echo 'say which: make bindings LANG=ruby, kotlin or swift' >&2; exit 1;; esac
	@echo '==> bindings for $(BINDINGS)'
	@mkdir -p target/bindings/$(BINDINGS)
	$(NATIVE) cargo build --quiet --release -p sentri-python
	cp "$$($(NATIVE))"/libsentri_native.$(if $(filter Darwin,$(shell uname)),dylib,so) target/bindings/$(BINDINGS)/
	cargo run --quiet --bin uniffi-bindgen -- generate --no-format --language $(BINDINGS) --out-dir target/bindings/$(BINDINGS) \
	  --config bindings-python/bindings.toml --library target/bindings/$(BINDINGS)/libsentri_native.*
	@find target/bindings/$(BINDINGS) -type f

docs:
	npm --prefix docs ci --no-audit --no-fund
	npm --prefix docs run build

generate: $(STAMPS)/venv
	$(GENERATE)
	$(VENV)/$(BIN)/python bindings-python/scripts/blocking.py

declarations: $(STAMPS)/npm-build $(STAMPS)/venv
	node tests/declarations/typescript.mjs
	$(VENV)/$(BIN)/python tests/declarations/python.py tests/declarations/python.txt

format: $(STAMPS)/npm-install $(STAMPS)/venv
	cargo fmt --all
	npm/node_modules/.bin/biome format --write .
	$(VENV)/$(BIN)/ruff check --quiet --fix --select I .
	$(VENV)/$(BIN)/ruff format --quiet .

check: check-rust check-node check-python

check-rust:
	@echo '==> formatting, lints'
	cargo fmt --all --check
	cargo clippy --quiet --workspace --all-targets -- -D warnings
	@echo '==> generated files'
	$(GENERATE) --check
	@echo '==> dependencies, long files and lines'
	cargo test --quiet --workspace --test dependencies
	cargo test --quiet --workspace --test pure shape

audit: $(STAMPS)/npm-install
	@command -v cargo-deny >/dev/null || { echo 'cargo-deny is missing: cargo install --locked cargo-deny' >&2; exit 1; }
	cargo deny --config .deny.toml check
	npm --prefix npm audit
	npm --prefix tests/node audit
	npm --prefix tests/bench audit

check-node: $(STAMPS)/npm-install
	@echo '==> formatting, lints, types'
	npm/node_modules/.bin/biome check --diagnostic-level=warn .
	npm --prefix npm run check

check-python: $(STAMPS)/venv
	@echo '==> Python formatting, lints, types'
	$(VENV)/$(BIN)/ruff format --check --quiet .
	$(VENV)/$(BIN)/ruff check --quiet .
	$(VENV)/$(BIN)/python bindings-python/scripts/blocking.py --check
	cd bindings-python && $(VENV)/$(BIN)/mypy
	cd bindings-python && $(VENV)/$(BIN)/pyright --pythonpath $(VENV)/$(BIN)/python
	@echo '==> workflows'
	$(VENV)/$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(VENV)/$(BIN)/zizmor --quiet --offline --no-progress .github/workflows

# What is checked in three languages waits for different things, so all at once, and beside what the tests install. The
# packages are compiled in the time that the Rust tests leave, since these often wait for a database that is gone.
test:
	@$(MAKE) --no-print-directory -j4 check $(STAMPS)/npm-build $(STAMPS)/node-test-install $(STAMPS)/runtimes-install \
	  $(STAMPS)/release-install
	@tests/services/run.sh bash -c '$(MAKE) --no-print-directory test-build && \
	  { $(MAKE) --no-print-directory -j2 test-core packages; core=$$?; \
	  $(MAKE) --no-print-directory test-load test-schedules test-node test-python && exit $$core; }'
	@$(MAKE) --no-print-directory test-ruby

# One after the other, or they would take the tests' turn to wait for each other.
packages: $(STAMPS)/npm-build ; @nice -n 19 $(MAKE) --no-print-directory -j1 $(STAMPS)/pack $(STAMPS)/wheel

test-rust: test-core test-load test-schedules

test-build:
	@echo '==> Rust tests: compiling'
	@if $(NEXTEST) --version >/dev/null 2>&1; then $(NEXTEST) run --workspace --no-run --cargo-quiet; \
	else cargo test --workspace --quiet --no-run; fi

# The store's conformance suite runs Kysely dialects in Node.
test-core: $(STAMPS)/npm-build $(STAMPS)/node-test-install
	@echo '==> Rust tests'
	@if $(NEXTEST) --version >/dev/null 2>&1; then \
	  $(NEXTEST) run --workspace -E 'not binary(load)' --no-fail-fast --cargo-quiet --status-level fail --final-status-level flaky; \
	else \
	  cargo test --workspace --quiet; \
	fi
	cargo test --workspace --doc --quiet

# They measure time, so nothing runs beside them.
test-load: $(STAMPS)/npm-build $(STAMPS)/node-test-install
	@echo '==> Rust tests that measure time'
	@if $(NEXTEST) --version >/dev/null 2>&1; then \
	  $(NEXTEST) run --workspace -E 'binary(load)' --no-fail-fast --cargo-quiet --status-level fail --final-status-level flaky; \
	fi

# Of the whole workspace, so that only the core is compiled with another feature.
SCHEDULES := --workspace --features sentri-core/schedules --test schedules

test-schedules:
	@echo '==> Rust tests in any order of steps'
	@if $(NEXTEST) --version >/dev/null 2>&1; then \
	  $(NEXTEST) run $(SCHEDULES) --no-fail-fast --cargo-quiet --status-level fail --final-status-level flaky; \
	else \
	  cargo test $(SCHEDULES) --quiet; \
	fi

schedules:
	@echo '==> schedules'
	cargo clippy --quiet $(SCHEDULES) -- -D warnings
	SENTRI_SOAK=1 cargo test --release $(SCHEDULES)

test-node: $(STAMPS)/pack $(STAMPS)/venv $(STAMPS)/node-test-install $(STAMPS)/runtimes-install $(STAMPS)/release-install
	@echo '==> Node tests'
	node --test --test-timeout=1800000 --test-reporter=spec --test-concurrency=2 $(filter-out tests/node/load.test.mjs,$(wildcard tests/node/*.test.mjs))
	@echo '==> Node under load, by itself: it measures time'
	node --test --test-reporter=spec tests/node/load.test.mjs

# The Node packages are the other half of a system in both languages; nginx and a browser stand before the deployed one.
test-python: $(STAMPS)/python-install $(STAMPS)/addon $(STAMPS)/npm-build $(STAMPS)/node-test-install $(STAMPS)/runtimes-install
	@echo '==> Python tests'
	cd tests/python && $(VENV)/$(BIN)/pytest

# Types are checked once for all versions, so not here.
test-python39: $(STAMPS)/python39-install $(STAMPS)/addon $(STAMPS)/npm-build $(STAMPS)/node-test-install
	@echo '==> Python tests by Python 3.9'
	cd tests/python && ../services/run.sh $(VENV)39/$(BIN)/pytest --ignore test_types.py --ignore test_public.py --ignore test_managers.py --ignore test_release.py --ignore test_hosts.py --ignore test_deploy.py

test-ruby: $(STAMPS)/ruby $(STAMPS)/addon $(STAMPS)/npm-build
	@echo '==> Ruby'
	@$(MAKE) --no-print-directory bindings LANG=ruby
	tests/ruby/run.sh
	tests/ruby/client.sh
	@echo '==> Kotlin, Swift'
	@$(MAKE) --no-print-directory bindings LANG=kotlin
	@$(MAKE) --no-print-directory bindings LANG=swift
	tests/ruby/guide.sh

# Each long form reads SENTRI_SOAK; without it the same tests run in short.
soak: $(STAMPS)/npm-build $(STAMPS)/pack $(STAMPS)/node-test-install $(STAMPS)/runtimes-install $(STAMPS)/python-install
	@echo '==> long forms of the tests'
	SENTRI_SOAK=1 tests/services/run.sh cargo test --release --workspace soak -- --nocapture --test-threads=1
	SENTRI_SOAK=1 node --test tests/node/hosts.test.mjs tests/node/nest.test.mjs tests/faults/floods.test.mjs
	SENTRI_SOAK=1 tests/services/run.sh node --test tests/node/import.test.mjs tests/node/golden.test.mjs tests/node/quickstart.test.mjs tests/node/next.test.mjs
	SENTRI_SOAK=1 bash -c 'cd tests/python && $(VENV)/$(BIN)/pytest -n0 -rP test_kills.py test_kills_of_codes.py'
	SENTRI_SOAK=1 tests/services/run.sh bash -c 'cd tests/python && $(VENV)/$(BIN)/pytest test_golden.py'
	@$(MAKE) --no-print-directory schedules
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=$(or $(FUZZ_SECONDS),600)
	@$(MAKE) --no-print-directory faults

# Needs a C++ compiler, for libFuzzer.
fuzz:
	@echo '==> fuzzing'
	FUZZ_SECONDS=$(or $(FUZZ_SECONDS),60) node tests/fuzz/run.mjs $(TARGETS) $(if $(KEEP),--keep)

coverage: $(STAMPS)/npm-build $(STAMPS)/node-test-install
	@echo '==> coverage of the core'
	@tests/services/run.sh node tests/coverage.mjs '$(or $(ONLY),not binary(load))'

mutants:
	@echo '==> mutants of the modules that decide'
	node tests/mutants.mjs $(ONLY)

# Version 6.0.0 is built once, in target/6.0.0, from the commit in the repository's history.
faults: $(STAMPS)/venv $(STAMPS)/npm-build $(STAMPS)/node-test-install
	@echo '==> faults of 6.0.0'
	tests/services/run.sh bash -c 'node tests/faults.mjs && node --test --test-reporter=spec tests/faults/upgrade.test.mjs'

bench-python: $(STAMPS)/python-install
	$(VENV)/$(BIN)/python tests/bench/bench.py

bench: $(STAMPS)/pack $(STAMPS)/bench-install
	@tests/services/run.sh node tests/bench/run.mjs
	@$(MAKE) --no-print-directory bench-python

# Version 6.0.0 is built once, as it was released, in target/6.0.0-optimised.
bench-before: $(STAMPS)/addon $(STAMPS)/npm-build $(STAMPS)/bench-install
	@tests/services/run.sh node tests/bench/before.mjs $(ROUNDS)

clean:
	cargo clean
	rm -rf npm/dist npm/node_modules tests/node/node_modules tests/runtimes/node_modules tests/release/node_modules tests/bench/node_modules docs/node_modules npm/native/*.node bindings-python/python/sentri/_native
