"""Benchmarks: micro benchmarks of each kernel, and the race against the peers."""
