# The commands of the house. `make test` is what a change must pass; `make ci` is what a landing must.

CARGO ?= cargo
.DEFAULT_GOAL := help
.PHONY: help build test chaos browser api monitoring fuzz sim mutants lint fmt deny ci install services services-down

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile

services: install ## RabbitMQ, PostgreSQL and MariaDB for the tests, started and kept up
	@bash tests/services/up.sh --keep

services-down: ## stop them
	@bash tests/services/down.sh

install: ## what the tests call besides cargo (Debian packages, only when missing)
	@bash tests/services/install.sh

build: ## everything, tests too, not run
	$(CARGO) test --workspace --all-features --locked --no-run

# Most of a test's time is waiting, for servers and processes: twice as many at once as there are cores here.
test: install ## all tests; starts the services and stops them after, unless they are kept up
	@RUST_TEST_THREADS=$${RUST_TEST_THREADS:-4} bash tests/services/with.sh $(CARGO) test --workspace --all-features --locked --no-fail-fast

chaos: install ## sixty kills, every fault of broker and database, every story over memory too, long
	@bash tests/services/with.sh $(CARGO) test --release --locked --workspace --all-features --no-fail-fast \
		--test chaos --test faults --test memory -- --nocapture

api: ## Schemathesis (PyPI) against the document of the running program's API
	@bash tests/api/schemathesis.sh

monitoring: ## rules and figures in the real promtool (Debian's prometheus, about 100 MB)
	@bash tests/api/monitoring.sh

browser: install ## the pages in a real Chromium; pictures under target/screenshots
	$(CARGO) test --workspace --all-features --locked --test browser

fuzz: ## every parser under libFuzzer, FUZZ_SECONDS each (20); stable Rust, a build of its own
	@bash tests/fuzz/run.sh

sim: ## ten thousand seeds of the simulator, and a death at every call of one envelope's life
	$(CARGO) run --release --locked -p sim -- --exhaustive
	$(CARGO) run --release --locked -p sim -- --seeds 10000

mutants: ## each guard removed in turn, in a copy of the tree: the simulator must notice every one
	$(CARGO) run --locked -p sim --bin mutants

lint: ## format and clippy, warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --all-features --locked -- -D warnings

fmt: ## format in place
	$(CARGO) fmt --all

deny: ## licences, sources, bans
	@bash .ci/deny

ci: ## all of it, as before a landing
	@bash .ci/run
