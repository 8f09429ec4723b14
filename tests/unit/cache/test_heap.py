"""Freed memory is kept for the next frame, unless the operator has chosen otherwise."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

ROUNDS = 20
PROGRAM = f"""
import resource
import numpy as np
from genesis.cache.codec import decode, encode
from genesis.cache.heap import keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

frame = np.zeros((1080, 1920, 3), np.uint8)
told = keep_freed_memory()
decode(encode(frame, "bgr"))
before = faults()
for _ in range({ROUNDS}):
    decode(encode(frame, "bgr"))
print(int(told), int(keep_freed_memory()), faults() - before)
"""
PAGES = 1920 * 1080 * 3 // 4096

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")


def run(**variables: str) -> list[int]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))} | variables
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


@glibc
def test_a_frame_lies_where_the_one_before_lay() -> None:
    first, again, faults = run()

    assert (first, again) == (1, 1)
    assert faults < PAGES * ROUNDS / 10  # pages made anew; each frame's own otherwise


@pytest.mark.parametrize("variables", [{"MALLOC_TRIM_THRESHOLD_": "131072"}, {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=65536"}])
def test_what_the_operator_has_chosen_stays(variables: dict[str, str]) -> None:
    told, _, _ = run(**variables)

    assert told == 0
