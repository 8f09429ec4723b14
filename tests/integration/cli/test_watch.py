"""`genesis status --watch` on a terminal: it goes on while the ledger is away, follows the terminal's size, and ends at Ctrl-C."""

from __future__ import annotations

import codecs
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from genesis.bus.cameras import LedgerCameras
from genesis.bus.ledger import Ledger
from genesis.embedded.redis import RedisServer
from genesis.events import completed
from genesis.settings import Settings
from tests.catalogue import builtin_subscriptions
from tests.events_of_tests import frame, zone
from tests.processes import ROOT, cli, wait_until

WATCH = [sys.executable, "-m", "genesis", "status", "--watch", "--interval", "0.2"]
CTRL_C = b"\x03"
HOME = "\x1b[H"  # begins each screen
_STYLES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A terminal that a program runs in."""

    def __init__(self, process: subprocess.Popen[bytes], screen: int) -> None:
        self.process = process
        self._screen = screen
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.text = ""

    def read(self) -> str:
        """Return all that was written there so far."""
        while select.select([self._screen], [], [], 0)[0]:
            try:
                self.text += self._decoder.decode(os.read(self._screen, 65_536))
            except OSError:  # the program has ended
                break
        return self.text

    def shows(self, *words: str, without: str = "") -> bool:
        """Tell whether the newest screen that was drawn whole has all of these words."""
        newest = _STYLES.sub("", ["", *self.read().split(HOME)][-2])
        return all(word in newest for word in words) and not (without and without in newest)

    def press(self, key: bytes) -> None:
        """Type a key."""
        os.write(self._screen, key)

    def resize(self, columns: int, lines: int) -> None:
        """Change its size."""
        fcntl.ioctl(self._screen, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


@contextmanager
def terminal(*argv: str, columns: int = 110, lines: int = 36) -> Iterator[Terminal]:
    """Run a program in a terminal of its own."""
    screen, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = subprocess.Popen(
        argv, cwd=ROOT, stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - a terminal of its own, for its size and Ctrl-C
        env={**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    os.close(inner)
    try:
        yield Terminal(process, screen)
    finally:
        process.kill()
        process.wait()
        os.close(screen)


def test_it_goes_on_while_the_ledger_is_away_and_when_it_is_back(settings: Settings, ledger_server: RedisServer) -> None:
    with closing(Ledger(settings, builtin_subscriptions())) as ledger:
        ledger.create_groups()
        ledger.publish([completed(frame(number)) for number in range(5)])
        ledger.publish([completed(zone("hall", track="s1-3"))])
        LedgerCameras(ledger, lambda _frames: None).at("9-0").seen(frame(4))

    with terminal(*WATCH) as watched:
        wait_until(
            lambda: watched.shows("■ trouble", "nothing runs, and 12 deliveries wait", "door", "somebody (track 3) entered hall"), "all"
        )
        ledger_server.stop()
        wait_until(lambda: watched.shows("■ ledger away", "can't be reached", "what follows was so at", "door"), "that it is away")
        ledger_server.start()
        wait_until(lambda: watched.shows("■ trouble", "deliveries wait"), "that it is back")
        watched.resize(60, 10)
        wait_until(lambda: watched.shows("■ trouble", "── cameras ─", without="── programs ─"), "the smaller screen")
        begun = time.monotonic()
        watched.press(CTRL_C)
        code = watched.process.wait(10)
        said = watched.read()

    assert code == 0
    assert time.monotonic() - begun < 3
    assert "Traceback" not in said


def test_it_waits_for_a_ledger_that_was_never_there(settings: Settings, monkeypatch) -> None:
    monkeypatch.setenv("GENESIS_REDIS__URL", "redis://:s3cret@127.0.0.1:1/0")

    with terminal(*WATCH, columns=160) as watched:
        wait_until(lambda: watched.shows("■ ledger away", "it is tried again and again", "redis://***@127.0.0.1:1/0"), "that it is away")
        watched.process.terminate()

        assert watched.process.wait(10) == 0


def test_json_has_programs_and_a_verdict_beside_what_it_had(settings: Settings) -> None:
    told = json.loads(cli("status", "--json").stdout)

    assert {"prefix", "streams", "cameras", "cache", "programs", "verdict", "reasons"} <= set(told)
    assert (told["verdict"], told["programs"]) == ("idle", [])
    assert told["streams"][0].keys() >= {"stream", "exists", "length", "dead_letters", "groups"}


def test_the_servers_of_a_running_genesis_up_are_found(redis_program, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("GENESIS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data" / "redis"

    with RedisServer("ledger", folder / "ledger", appendfsync="no"), RedisServer("cache", folder / "cache"):
        found = cli("status", "--json", cwd=tmp_path)
        named = cli("status", cwd=tmp_path, env={"GENESIS_REDIS__URL": "redis://127.0.0.1:1/0"})
    gone = cli("status", cwd=tmp_path)

    assert (found.returncode, json.loads(found.stdout)["cache"]["error"]) == (0, "")
    assert (named.returncode, gone.returncode) == (1, 1)
    assert "127.0.0.1:1" in named.stderr
    assert "127.0.0.1:6379" in gone.stderr
