"""What the pipeline makes of a machine: frames per second, latency, cost and memory, beside the bare detector loop.

`python -m benchmarks.pipeline` runs all parts; the programs are those of `genesis up`, with Redis servers of their own.
"""
