# `make help` lists what there is. Nothing here needs more than Rust, a C compiler, make, git and,
# for container runtimes and a few tools, apt; what else is needed goes to ~/.cache/traceherd.

.DEFAULT_GOAL := help
.PHONY: help run build setup test test-unit lint bench cluster cluster-down fmt doc clean

# Programs that cargo starts (tests, the demonstration, the benchmark) run as root, cargo does not.
ifneq ($(shell id -u),0)
runner_variable = CARGO_TARGET_$(shell rustc -vV | sed -n 's/^host: //p' | tr a-z- A-Z_)_RUNNER
sudo = sudo -E env PATH=$(PATH)
as_root = env '$(runner_variable)=$(sudo)'
endif

CLUSTER ?= play
target = $(if $(CARGO_TARGET_DIR),$(abspath $(CARGO_TARGET_DIR)),$(CURDIR)/target)

help: ## Lists these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | expand -t 14

run: build ## Shows what the host and every container execute, until Ctrl-C (without a terminal: RUN_SECONDS, default 15)
	@TRACEHERD=$(target)/release/traceherd $(as_root) cargo run --release --locked --quiet --package traceherd-e2e --bin demo

build: setup ## Builds target/release/traceherd
	cargo build --release --locked --package traceherd-agent

setup: ## Gets what building the eBPF programs needs (quiet when it is there)
	@ebpf/install-tools.sh

test: setup ## All tests, on this kernel and with real container runtimes (as root)
	@e2e/install-runtimes.sh >/dev/null
	@e2e/cluster/install.sh >/dev/null
	TRACEHERD=$(target)/debug/traceherd $(as_root) cargo test --locked

test-unit: setup ## The tests that need neither root nor a container runtime
	cargo test --locked --lib --bins

lint: setup ## Format, clippy, docs, licences, advisories, aarch64, scripts
	@e2e/lint.sh

bench: build ## What an exec costs: in the kernel, in user space, in memory (as root)
	@TRACEHERD=$(target)/release/traceherd $(as_root) cargo run --release --locked --quiet --package traceherd-e2e --bin bench

cluster: ## Starts a real Kubernetes node to play with, Traceherd's resources defined (as root)
	@$(sudo) e2e/cluster/up.sh $(CLUSTER) && $(sudo) e2e/cluster/welcome.sh $(CLUSTER)

cluster-down: ## Takes it away again, whatever is left of it (as root)
	@$(sudo) e2e/cluster/down.sh $(CLUSTER)

fmt: ## Formats the Rust code
	cargo fmt --all

doc: setup ## Builds the libraries' documentation into target/doc
	cargo doc --locked --no-deps

clean: ## Removes what was built, not ~/.cache/traceherd
	cargo clean
