"""Run the whole suite in two processes side by side (`make test`): most of its time it waits for programs to start and leases to run out.

Arguments are handed to one pytest instead. One half (the end-to-end tests, and some that balance the two) is shown as it runs, the other
afterwards.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile

SHOWN = ("tests/e2e", "tests/conformance", "tests/integration/bus", "tests/integration/storage")
BESIDE = ("tests/integration", "tests/unit", *(f"--ignore={folder}" for folder in SHOWN[2:]))
PYTEST = (sys.executable, "-m", "pytest")


def main(arguments: list[str]) -> int:
    """Run the tests; return the worse exit code."""
    if arguments:
        return subprocess.call([*PYTEST, *arguments])
    with tempfile.TemporaryFile() as output:
        beside = subprocess.Popen([*PYTEST, *BESIDE], stdout=output, stderr=subprocess.STDOUT)
        try:
            shown = subprocess.call([*PYTEST, *SHOWN])
            code = beside.wait()
        finally:
            if beside.poll() is None:
                beside.terminate()
                beside.wait()
            output.seek(0)
            sys.stdout.flush()
            sys.stdout.buffer.write(output.read())
            sys.stdout.flush()
    return max(shown, code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
