# Everything that a checkout needs; each target builds what it uses.

.PHONY: local
# Runs the cluster of examples/rediscluster.yaml on this machine until Ctrl-C.
local:
	cargo build --release -p slotkeeper -p slotkeeper-node
	target/release/slotkeeper local up -f examples/rediscluster.yaml
