# The two commands of this repository are `make local` and `make test`.

CARGO ?= cargo
PROFILE ?= release
# Where cargo puts the programs of that profile; the folder of `dev` has another name.
PROGRAMS = $(or $(CARGO_TARGET_DIR),target)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))
# Further arguments of `local up`, as in: make local UP="--base-port 7000"
UP ?=
# How long `make soak` runs.
MINUTES ?= 10

.PHONY: local test setup build image rig generate bench faults soak fmt lint

## Run the example cluster on this machine; Ctrl-C stops it.
local: build
	$(PROGRAMS)/slotkeeper local up -f examples/rediscluster.yaml $(UP)

## Run every layer of tests, as CI does; installs what they need.
test: setup
	scripts/test

## Install what the tests need beside the Rust toolchain.
setup:
	scripts/setup

build:
	$(CARGO) build --profile $(PROFILE) --locked -p slotkeeper -p slotkeeper-node

## Build the image of both programs as an OCI archive; needs no daemon and no registry.
image:
	scripts/image --profile $(PROFILE) target/slotkeeper.tar

## Start a real Kubernetes with three nodes on this machine, with the image on all of them.
rig: setup
	scripts/rig-up

## Generate everything that is generated and committed.
generate:
	scripts/generate

## Compare the node with redis-server, in ratios.
bench: build
	$(CARGO) run --release --locked -p slotkeeper-bench

## Check that the simulator finds every planted fault.
faults:
	scripts/faults all

## Run the simulator with new seeds, then with every planted fault. A finding prints the command that
## replays it.
soak:
	$(CARGO) run --profile soak --locked -p slotkeeper-sim --bin soak -- --minutes $(MINUTES)
	MINUTES=$(MINUTES) $(CARGO) test --profile soak --locked -p slotkeeper-node --test differential -- --nocapture
	scripts/faults all

fmt:
	$(CARGO) fmt --all

lint:
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
