"""I/O and thinking meet here, and only here: plan → one round trip per micro-batch → think → write."""
