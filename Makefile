# The two commands of this repository are `make local` and `make test`.

CARGO ?= cargo
PROFILE ?= release
# Where cargo puts the programs of that profile; `dev` is the one whose folder has another name.
PROGRAMS = $(or $(CARGO_TARGET_DIR),target)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))
# Further arguments of `local up`, as in: make local UP="--base-port 7000"
UP ?=
# How long `make soak` plays.
MINUTES ?= 10

.PHONY: local test setup build image rig generate bench faults soak fmt lint

## A RedisCluster manifest converges on this machine; Ctrl-C ends it.
local: build
	$(PROGRAMS)/slotkeeper local up -f examples/rediscluster.yaml $(UP)

## Every layer of tests, as CI runs them; installs what it needs.
test: setup
	scripts/test

## What the tests need beside the Rust toolchain.
setup:
	scripts/setup

build:
	$(CARGO) build --profile $(PROFILE) --locked -p slotkeeper -p slotkeeper-node

## The image of both programs as an OCI archive; needs no daemon and no registry.
image:
	scripts/image --profile $(PROFILE) target/slotkeeper.tar

## A real Kubernetes of three nodes on this machine, with the image on all of them.
rig: setup
	scripts/rig-up

## Everything that is generated and committed.
generate:
	scripts/generate

## The node beside redis-server, in ratios.
bench: build
	$(CARGO) run --release --locked -p slotkeeper-bench

## Every planted fault must be found by the simulator.
faults:
	scripts/faults all

## The simulator on seeds that nobody has played; a finding prints the command that replays it.
soak:
	$(CARGO) run --profile soak --locked -p slotkeeper-sim --bin soak -- --minutes $(MINUTES)

fmt:
	$(CARGO) fmt --all

lint:
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
