"""Measurements: each module is a command that prints a table, with a peer in the same run; `python -m benchmarks` runs all."""
