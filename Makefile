# The commands of the house. `make test` is what a change must pass; `make ci` is what a landing must.

CARGO ?= cargo
.DEFAULT_GOAL := help
.PHONY: help build test chaos lint fmt deny ci services

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

services: ## what the tests call besides cargo (Debian packages, only when missing)
	@bash tests/services/install.sh

build: ## everything, tests too, not run
	$(CARGO) test --workspace --all-features --locked --no-run

test: services ## all tests
	$(CARGO) test --workspace --all-features --locked --no-fail-fast

chaos: services ## at least fifty kills over the whole flow
	$(CARGO) test --release --locked -p tests --all-features --test chaos -- --nocapture

lint: ## format and clippy, warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --all-features --locked -- -D warnings

fmt: ## format in place
	$(CARGO) fmt --all

deny: ## licences, sources, bans
	@bash .ci/deny

ci: ## all of it, as before a landing
	@bash .ci/run
