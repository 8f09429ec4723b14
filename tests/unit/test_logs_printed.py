"""What is printed becomes lines of the log, whole ones."""

from __future__ import annotations

import logging
import sys
import threading

from genesis.logs.printed import Printed


def printed(caplog) -> Printed:
    caplog.set_level(logging.INFO)
    return Printed(logging.getLogger("genesis.printed"), logging.WARNING)


def test_a_line_is_logged_when_it_ends(caplog):
    stream = printed(caplog)

    print("a", 1, file=stream)
    print("b", end="", file=stream)
    print(" and c\n\nd", file=stream, flush=True)

    assert caplog.messages == ["a 1", "b and c", "d"]


def test_threads_do_not_get_into_each_others_lines(caplog):
    stream = printed(caplog)
    stream.write("mine ")
    thread = threading.Thread(target=lambda: stream.write("yours\n"))
    thread.start()
    thread.join()

    stream.writelines(["is ", "whole\n"])

    assert caplog.messages == ["yours", "mine is whole"]


def test_what_never_ends_is_logged_in_parts(caplog):
    stream = printed(caplog)

    for _ in range(30):
        stream.write("." * 1000)

    assert [len(text) for text in caplog.messages] == [9000, 9000, 9000]


def test_a_log_that_prints_does_not_go_round(caplog, monkeypatch):
    stream = printed(caplog)
    monkeypatch.setattr(sys, "stdout", stream)
    handler = logging.Handler()
    handler.emit = lambda _record: sys.stdout.write("from the handler\n")
    logging.getLogger("genesis.printed").addHandler(handler)

    stream.write("once\n")
    logging.getLogger("genesis.printed").removeHandler(handler)

    assert caplog.messages == ["once"]
