# The two commands of this repository are `make local` and `make test`.

CARGO ?= cargo

.PHONY: local test setup build generate bench faults sim fmt lint

## A RedisCluster manifest converges on this machine; Ctrl-C ends it.
local: build
	target/release/slotkeeper local up -f examples/rediscluster.yaml

## Every layer of tests, as CI runs them; installs what it needs.
test: setup
	scripts/test

## What the tests need beside the Rust toolchain.
setup:
	scripts/setup

build:
	$(CARGO) build --release --locked -p slotkeeper -p slotkeeper-node

## Everything that is generated and committed.
generate:
	scripts/generate

## The node beside redis-server, in ratios.
bench: build
	$(CARGO) run --release --locked -p slotkeeper-bench

## Every planted fault must be found by the simulator.
faults:
	scripts/faults all

fmt:
	$(CARGO) fmt --all

lint:
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
