# make demo   build everything and start an auth server on SQLite at http://127.0.0.1:3000 (PORT and DB override)
# make test   set up what the tests need and run them all
# make check  formatting, lints, generated files, dependencies, types
# make audit  known advisories of all dependencies, asked for at their sources (needs the network)
# make bench  speed, as ratios against peers and floors in one run
# make pack   installable tarballs in target/npm
# make generate   write the files that are derived from the core's tables

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PORT ?= 3000
DB ?= sqlite:./sentri.db

CARGO_SOURCES = Cargo.toml Cargo.lock $(shell find core bindings-node -type f \( -name '*.rs' -o -name '*.sql' -o -name 'Cargo.toml' \))
NPM_SOURCES = npm/package.json $(shell find npm/src npm/scripts -type f)
STAMPS := target/stamps

.PHONY: help demo test check check-rust check-node audit test-rust test-node bench pack generate clean

help:
	@sed -n 's/^# //p' Makefile

$(STAMPS):
	@mkdir -p $@

# --- what is built once -------------------------------------------------------------------------------------------

$(STAMPS)/npm-install: npm/package.json npm/package-lock.json | $(STAMPS)
	@echo '==> npm packages for the build'
	npm --prefix npm ci --no-audit --no-fund
	@touch $@

$(STAMPS)/addon: $(CARGO_SOURCES) npm/scripts/build-native.mjs | $(STAMPS)
	@echo '==> native core for Node (release; a few minutes the first time)'
	node npm/scripts/build-native.mjs
	@touch $@

$(STAMPS)/npm-build: $(STAMPS)/npm-install $(NPM_SOURCES)
	@echo '==> TypeScript'
	npm --prefix npm run build
	@touch $@

$(STAMPS)/pack: $(STAMPS)/addon $(STAMPS)/npm-build README.md
	@echo '==> tarballs'
	node npm/scripts/pack.mjs
	@touch $@

$(STAMPS)/node-test-install: tests/node/package.json tests/node/package-lock.json | $(STAMPS)
	@echo '==> npm packages for the tests'
	npm --prefix tests/node ci --no-audit --no-fund
	@touch $@

$(STAMPS)/bench-install: tests/bench/package.json tests/bench/package-lock.json | $(STAMPS)
	@echo '==> npm packages for the benchmarks'
	npm --prefix tests/bench ci --no-audit --no-fund
	@touch $@

# --- the commands -------------------------------------------------------------------------------------------------

demo: $(STAMPS)/addon $(STAMPS)/npm-build
	PORT='$(PORT)' DB='$(DB)' node npm/dist/cli/main.js serve

pack: $(STAMPS)/pack
	@ls -l target/npm/*.tgz

generate:
	cargo run --quiet -p sentri-core --example generate

check: check-rust check-node

check-rust:
	@echo '==> formatting, lints'
	cargo fmt --all --check
	cargo clippy --quiet --workspace --all-targets -- -D warnings
	@echo '==> generated files'
	cargo run --quiet -p sentri-core --example generate -- --check
	@echo '==> dependencies'
	cargo test --quiet -p sentri-core --test dependencies

audit: $(STAMPS)/npm-install
	@command -v cargo-deny >/dev/null || { echo 'cargo-deny is missing: cargo install --locked cargo-deny' >&2; exit 1; }
	cargo deny --config .deny.toml check
	npm --prefix npm audit
	npm --prefix tests/node audit
	npm --prefix tests/bench audit

check-node: $(STAMPS)/npm-install
	@echo '==> types'
	npm --prefix npm run check

test: check
	@tests/services/run.sh $(MAKE) --no-print-directory test-rust test-node

test-rust: $(STAMPS)/npm-build $(STAMPS)/node-test-install
	@echo '==> Rust tests'
	@if cargo nextest --version >/dev/null 2>&1; then \
	  cargo nextest run --workspace --no-fail-fast --cargo-quiet --status-level fail --final-status-level flaky; \
	else \
	  cargo test --workspace --quiet; \
	fi
	cargo test --workspace --doc --quiet

test-node: $(STAMPS)/pack $(STAMPS)/node-test-install
	@echo '==> Node tests'
	node --test --test-reporter=spec --test-concurrency=2 $(filter-out tests/node/load.test.mjs,$(wildcard tests/node/*.test.mjs))
	@echo '==> Node under load, by itself: it measures time'
	node --test --test-reporter=spec tests/node/load.test.mjs

bench: $(STAMPS)/addon $(STAMPS)/npm-build $(STAMPS)/bench-install
	@tests/services/run.sh node tests/bench/run.mjs

clean:
	cargo clean
	rm -rf npm/dist npm/node_modules tests/node/node_modules tests/bench/node_modules npm/native/*.node
