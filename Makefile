# `make help` lists what there is. Nothing here needs more than Rust, a C compiler, make, git and,
# for container runtimes and a few tools, apt; what else is needed goes to ~/.cache/traceherd.

.DEFAULT_GOAL := help
.PHONY: help run build setup test test-unit test-cgroup-v2 test-two-nodes test-kernels storms soak fuzz lint bench bench-cluster demo cluster cluster-down fmt doc clean

# Programs that cargo starts (tests, the demonstration, the benchmark) run as root, cargo does not.
runner_variable = CARGO_TARGET_$(shell rustc -vV | sed -n 's/^host: //p' | tr a-z- A-Z_)_RUNNER
ifneq ($(shell id -u),0)
sudo = sudo -E env PATH=$(PATH)
as_root = env '$(runner_variable)=$(sudo)'
endif

CLUSTER ?= play
NODES ?= 1
FUZZ_SECONDS ?= 120
target = $(if $(CARGO_TARGET_DIR),$(abspath $(CARGO_TARGET_DIR)),$(CURDIR)/target)

debug_programs = TRACEHERD=$(target)/debug/traceherd TRACEHERD_OPERATOR=$(target)/debug/traceherd-operator
release_programs = $(target)/release/traceherd $(target)/release/traceherd-operator

help: ## Lists these targets
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | expand -t 16

run: build ## Shows what the host and every container execute, until Ctrl-C (without a terminal: RUN_SECONDS, default 15)
	@TRACEHERD=$(target)/release/traceherd $(as_root) cargo run --release --locked --quiet --package traceherd-e2e --bin demo

build: setup ## Builds target/release/traceherd and traceherd-operator
	cargo build --release --locked --package traceherd-agent --package traceherd-operator

setup: ## Gets what building the eBPF programs needs (quiet when it is there)
	@ebpf/install-tools.sh

test: setup ## All tests, on this kernel, with real container runtimes and a real cluster (as root)
	@e2e/install-runtimes.sh >/dev/null
	@e2e/cluster/install.sh >/dev/null
	cargo build --locked --package traceherd-agent --package traceherd-operator
	$(debug_programs) $(as_root) cargo test --locked
	@[ -e /sys/fs/cgroup/cgroup.procs ] || $(MAKE) --no-print-directory test-cgroup-v2
	@e2e/fuzz/run.sh 2

# Those of a memory limit need a controller that is bound to v1 where v1 is mounted.
test-cgroup-v2: setup ## The tests with real containers where only cgroup v2 is mounted (as root; after test on v1)
	cargo build --locked --package traceherd-agent --package traceherd-operator
	env '$(runner_variable)=$(sudo) $(CURDIR)/e2e/on-cgroup-v2.sh' $(debug_programs) cargo test --locked \
		--test real --test runc --test ends --test collection --test filter --test short_containers \
		--test accounts --test floods --test storms --test unnamed -- --skip without_memory

test-unit: setup ## The tests that need neither root nor a container runtime
	cargo test --locked --lib --bins

test-two-nodes: setup ## The tests that need a cluster of two nodes (as root)
	@e2e/cluster/install.sh >/dev/null
	cargo build --locked --package traceherd-agent --package traceherd-operator
	TEST_NODES=2 $(debug_programs) $(as_root) cargo test --locked --package traceherd-e2e --test cluster

storms: setup ## What storms of 20 s executed and what is told of them, to the event (as root; STORM_SECONDS)
	@e2e/install-runtimes.sh >/dev/null
	cargo build --locked --package traceherd-agent
	STORM_SECONDS=$(or $(STORM_SECONDS),20) $(debug_programs) $(as_root) \
		cargo test --locked --test storms --test floods --test unnamed -- --nocapture --test-threads 1

soak: setup ## 20 minutes of containers that come and go: what Traceherd takes stays flat (as root; SOAK_MINUTES)
	@e2e/install-runtimes.sh >/dev/null
	SOAK_MINUTES=$(or $(SOAK_MINUTES),20) $(as_root) cargo test --locked --package traceherd-tracers --test soak -- --nocapture

test-kernels: build ## Boots Linux 5.10, 6.1, 6.12 and Debian's newest in qemu and traces there (KERNELS="5.10 newest")
	cargo build --release --locked --package traceherd-e2e --bin guest
	e2e/kernels/run.sh $(target)/release/traceherd $(target)/release/guest $(KERNELS)

fuzz: setup ## Feeds what others wrote, and worse, to all that reads it (FUZZ_SECONDS for each, default 120)
	@e2e/fuzz/run.sh $(FUZZ_SECONDS)

lint: setup ## Format, clippy, docs, licences, advisories, aarch64, scripts
	@e2e/lint.sh

bench: build ## What an exec costs, with Traceherd, without, and with its peers (as root; BENCH_QUICK=1, BENCH_PUBLISH=1)
	cargo build --release --locked --package traceherd-tracers --example many_traces
	@TRACEHERD=$(target)/release/traceherd BENCH_OUT=$(or $(BENCH_OUT),$(target)/bench) \
		$(as_root) cargo run --release --locked --quiet --package traceherd-e2e --bin bench -- $(BENCH_RESULTS)

bench-cluster: build ## What Traceherd costs on a real cluster with 100 pods (as root)
	@TRACEHERD=$(target)/release/traceherd TRACEHERD_OPERATOR=$(target)/release/traceherd-operator \
		$(as_root) cargo run --release --locked --quiet --package traceherd-e2e --bin bench_cluster

demo: build ## The whole story on a cluster of its own: install, a pod, a Trace, its status, the log (as root; KEEP=1)
	@$(sudo) e2e/cluster/demo.sh $(release_programs)

cluster: build ## Starts a real cluster to play with, this tree's Traceherd installed (as root; NODES=2)
	@$(sudo) e2e/cluster/play.sh $(CLUSTER) $(NODES) $(release_programs)

cluster-down: ## Takes it away again, whatever is left of it (as root)
	@$(sudo) e2e/cluster/down.sh $(CLUSTER)

fmt: ## Formats the Rust code
	cargo fmt --all

doc: setup ## Builds the libraries' documentation into target/doc
	cargo doc --locked --no-deps

clean: ## Removes what was built, not ~/.cache/traceherd
	cargo clean
