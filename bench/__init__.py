"""The benchmark: ours beside the raw limits and the peers, in one run on one machine."""
