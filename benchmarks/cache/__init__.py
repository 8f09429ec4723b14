"""How quickly frames go into the cache and come out, beside what people use instead: `python -m benchmarks.cache [VIDEO]`."""
