"""Programs are printed, restarted, and stopped; wrong use is not tried again."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from genesis.embedded.supervisor import Program, Supervisor
from tests.processes import wait_until

COUNTING = "import sys; path = sys.argv[1]; open(path, 'a').write('x'); print('run', len(open(path).read()))"


class Hurried:
    """A clock that can be moved on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        import time

        return time.monotonic() + self.ahead


@pytest.fixture
def clock() -> Hurried:
    return Hurried()


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(output: io.StringIO, clock: Hurried) -> Supervisor:
    return Supervisor(output, dict(os.environ), clock)


def polled(supervisor: Supervisor, condition: Callable[[], bool]) -> Callable[[], bool]:
    def poll() -> bool:
        supervisor.poll(0.01)
        return condition()

    return poll


def python(name: str, code: str, *arguments: str, **options: object) -> Program:
    return Program(name, [sys.executable, "-c", code, *arguments], **options)  # type: ignore[arg-type]


def test_lines_are_prefixed_with_the_programs_name(supervisor: Supervisor, output: io.StringIO) -> None:
    supervisor.start(python("speaker", "print('hello'); print('world')", keep="never"))

    wait_until(polled(supervisor, lambda: not supervisor.running("speaker")), "it has ended")

    assert supervisor.code("speaker") == 0
    assert [line.split("|") for line in output.getvalue().splitlines()] == [
        [" speaker            ", " hello"],
        [" speaker            ", " world"],
    ]


def test_a_program_that_dies_is_started_again_after_a_wait(
    supervisor: Supervisor, output: io.StringIO, clock: Hurried, tmp_path: Path
) -> None:
    supervisor.start(python("dying", COUNTING + "; sys.exit(3)", str(tmp_path / "runs")))

    wait_until(polled(supervisor, lambda: "exit code 3" in output.getvalue()), "it died")
    assert supervisor.running("dying")
    assert "run 2" not in output.getvalue()
    clock.ahead += 1.0
    wait_until(polled(supervisor, lambda: "run 2" in output.getvalue()), "it was started again")

    supervisor.stop()
    assert not supervisor.running("dying")


def test_a_program_that_is_done_is_not_started_again(supervisor: Supervisor, output: io.StringIO, clock: Hurried, tmp_path: Path) -> None:
    supervisor.start(python("done", COUNTING, str(tmp_path / "runs"), keep="on failure"))

    wait_until(polled(supervisor, lambda: not supervisor.running("done")), "it is done")
    clock.ahead += 100.0
    supervisor.poll(0.05)

    assert output.getvalue().count("run") == 1


def test_wrong_use_is_not_tried_again(supervisor: Supervisor, output: io.StringIO, clock: Hurried, tmp_path: Path) -> None:
    supervisor.start(python("misused", COUNTING + "; sys.exit(2)", str(tmp_path / "runs")))

    wait_until(polled(supervisor, lambda: "not started again" in output.getvalue()), "it is given up")
    clock.ahead += 100.0
    supervisor.poll(0.05)

    assert (tmp_path / "runs").read_text() == "x"
    assert not supervisor.running("misused")


def test_wrong_use_of_a_program_that_has_run_well_before_passes(
    supervisor: Supervisor, output: io.StringIO, clock: Hurried, tmp_path: Path
) -> None:
    supervisor.start(
        python(
            "proven",
            f"import os, time; {COUNTING}\nwhile not os.path.exists(path + '-end'): time.sleep(0.01)\nsys.exit(2)",
            str(tmp_path / "runs"),
        )
    )
    wait_until(polled(supervisor, lambda: "run 1" in output.getvalue()), "it runs")

    clock.ahead += 61.0
    (tmp_path / "runs-end").touch()
    wait_until(polled(supervisor, lambda: "started again in 30.0 s" in output.getvalue()), "it is not given up")
    clock.ahead += 31.0
    wait_until(polled(supervisor, lambda: "run 2" in output.getvalue()), "it is started again")

    supervisor.stop()


def test_chores_are_done_while_programs_are_waited_for(supervisor: Supervisor) -> None:
    done: list[int] = []
    supervisor.chores.append(lambda: done.append(1))

    supervisor.poll(0.01)

    assert done


def test_a_program_that_does_not_end_is_killed(supervisor: Supervisor, output: io.StringIO, clock: Hurried) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    supervisor.start(python("deaf", deaf, grace=5.0))
    wait_until(polled(supervisor, lambda: "deaf\n" in output.getvalue()), "it ignores SIGTERM")
    original = supervisor.poll

    def poll(seconds: float = 0.1) -> None:
        clock.ahead += 2.0
        original(seconds)

    supervisor.poll = poll  # type: ignore[method-assign]
    supervisor.stop()

    assert supervisor.code("deaf") == -9
    assert "deaf did not end within 5 s: killed" in output.getvalue()


def test_programs_are_stopped_by_name_and_the_others_run_on(supervisor: Supervisor, output: io.StringIO) -> None:
    patient = "import time; print('up', flush=True); time.sleep(600)"
    for name in ("first", "second"):
        supervisor.start(python(name, patient))
    wait_until(polled(supervisor, lambda: output.getvalue().count("up") == 2), "both run")

    supervisor.stop(["first"])

    assert not supervisor.running("first")
    assert supervisor.running("second")
    supervisor.stop()
    assert supervisor.code("second") == -15


def test_programs_are_stopped_though_nobody_reads_the_log_any_more(clock: Hurried) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", buffering=1) as closed:
        supervisor = Supervisor(closed, dict(os.environ), clock)
        talkative = "import time\nwhile True: print('line', flush=True); time.sleep(0.01)"
        supervisor.start(python("talkative", talkative))

        supervisor.poll(0.1)
        supervisor.say("stopping")
        supervisor.stop()

        assert supervisor.code("talkative") == -15
        os.dup2(os.open(os.devnull, os.O_WRONLY), writer)  # what is left in the buffer can be written there


def test_programs_that_have_nothing_to_finish_are_not_asked(supervisor: Supervisor, output: io.StringIO, clock: Hurried) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(600)"
    supervisor.start(python("stubborn", stubborn, keep="always"))
    wait_until(polled(supervisor, lambda: "here" in output.getvalue()), "it runs")
    begun = clock()

    supervisor.stop(at_once=True)

    assert supervisor.code("stubborn") == -9
    assert not supervisor.running("stubborn")
    assert "did not end within" not in output.getvalue()
    assert clock() - begun < 10  # its grace is longer than a kill takes, and was not waited for
