# Tandem. `make` lists what there is; `make run` shows it at work.

TARGET := $(or $(CARGO_TARGET_DIR),target)
TANDEM := $(TARGET)/release/tandem
# nextest where it is installed: a process per test and a clearer summary. Else cargo's own runner.
NEXTEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo yes)

.DEFAULT_GOAL := help
.PHONY: help run build test lint tools unit doctest fmt fmt-check clippy deny docs bpf accept bench bench-system bench-media bench-overload

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## Build for release, then run the switch with a simulated PBX and two carriers until Ctrl-C
	cargo build --locked --release -p tandem
	exec $(TANDEM) demo

build: ## Build for release
	cargo build --locked --release -p tandem

test: lint doctest ## Everything that must pass: formats, lints, dependencies, documentation, tests
	@$(MAKE) --no-print-directory unit

lint: tools fmt-check clippy deny ## Formats, lints and dependencies only

tools: ## What the tests need beside Rust; installed only where it is missing, and said so
	@CI_TOOLS="$(TARGET)/tools" .ci/tools

unit: ## The tests only (tools must be there)
ifeq ($(NEXTEST),yes)
	cargo nextest run --locked --workspace --no-fail-fast
else
	cargo test --locked --workspace --no-fail-fast --lib --bins --tests
endif

doctest: ## The examples in the documentation
	cargo test --locked --workspace --doc --quiet

fmt: ## Format the sources
	cargo fmt --all

fmt-check:
	cargo fmt --all --check

clippy: ## Lints; a warning is an error
	cargo clippy --locked --workspace --all-targets -- -D warnings

deny: ## Licences, banned and duplicate crates, where crates come from (deny.toml)
	PATH="$(abspath $(TARGET)/tools)/bin:$$PATH" cargo deny --locked --log-level error check bans licenses sources

docs: ## Write docs/configuration.md from the code
	TANDEM_WRITE_DOCS=1 cargo test --locked -p tandem-config --test shipped

bpf: ## Build the kernel path's eBPF program, which is committed (needs clang 14 and llvm)
	crates/rtp-net/bpf/build

accept: ## The long runs: 10,000 calls, 500 talking, 2,000 in the kernel and a kill of it (root), reloads under load
	cargo build --locked --release -p tandem -p tandem-benches
	ulimit -n 20000 2>/dev/null || ulimit -n "$$(ulimit -Hn)"; $(TARGET)/release/acceptance --daemon $(TANDEM)
	TANDEM_ACCEPT=1 cargo test --locked --release -p tandem --test reload --test hostile --test cases_dialogs --test soak

bench: ## Microbenchmarks: parse, edit, write, transactions, plan, packet, SRTP, conversion, records
	cargo bench --locked --workspace

bench-system: ## CPU, latency and memory per call and packet, beside Kamailio and rtpengine on this machine
	cargo build --locked --release -p tandem -p tandem-benches
	benches/system/run $(TANDEM)

bench-overload: ## Calls served at once, three and ten times what a quarter of a processor can (root: it makes a cgroup)
	cargo build --locked --release -p tandem -p tandem-benches
	$(TARGET)/release/overload --daemon $(TANDEM)

bench-media: ## The media half of it: kernel path, userspace, SRTP, conversion, beside rtpengine; then up to the first loss (root)
	cargo build --locked --release -p tandem -p tandem-benches
	benches/system/run $(TANDEM) --only media --ramp 250
