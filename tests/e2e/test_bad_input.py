"""Wrong use and failing servers, as a user meets them: the real programs answer with a clear line and the right exit code."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
import redis

from tests.processes import ROOT, wait_until, worker_argv

PASSWORD = "s3cret"
AT_A_TIME = 2
FRAMES = 60
PYTHON = (sys.executable, "-m")


@dataclass(frozen=True)
class Case:
    """One program, what it is given, and what it must answer.

    Attributes:
        argv: command line; `{names}` in it and in `env` are places that exist only when the test runs.
        says: must be found in the output.
        code: the exit code.
        env: variables.
        until_said: end the program with SIGTERM once it has said `says`; `code` is then its own affair.
    """

    name: str
    argv: tuple[str, ...]
    says: str
    code: int = 2
    env: dict[str, str] = field(default_factory=dict)
    until_said: bool = False


def capture(*arguments: str) -> tuple[str, ...]:
    return (*PYTHON, "genesis.capture", "--fps", "0", *arguments)


def genesis(*arguments: str) -> tuple[str, ...]:
    return (*PYTHON, "genesis", *arguments)


BRIDGE = (*PYTHON, "genesis.bridge")
WORKER = tuple(worker_argv("ingestion"))
EVENT = capture("--mode", "event", "--source", "{folder}/whole.avi")
RUN = genesis("run", "--source", "{folder}/whole.avi", "--redis-url", "{url}")
UP = genesis("up", "--source", "{folder}/whole.avi", "--redis-url", "{url}")

SOURCES = [
    Case("no such file", capture("--source", "{folder}/nope.mp4"), r"nope\.mp4': no such file or folder; expected a camera index"),
    Case("no such file, event", capture("--mode", "event", "--source", "{folder}/nope.mp4"), r"nope\.mp4': no such file or folder"),
    Case("no such file, run", genesis("run", "--source", "{folder}/nope.mp4"), r"nope\.mp4': no such file or folder"),
    Case("no such file, up", genesis("up", "--source", "{folder}/nope.mp4"), r"nope\.mp4': no such file or folder"),
    Case("no such file, compare", genesis("compare", "{folder}/nope.mp4"), r"nope\.mp4': no such file or folder"),
    Case("folder without images", capture("--source", "{folder}/empty"), r"source '.*empty': folder without images \(looked for .*\.jpg"),
    Case("text file", capture("--source", "{folder}/text.mp4"), r"source '.*text\.mp4': a text file, not a video"),
    Case("no such camera", capture("--source", "87"), r"source '87': no camera with this index on this machine"),
    Case("cut off in the middle", capture("--source", "{folder}/cut.avi", "--json"), r"ends early: 60 frames announced, \d+ read", 0),
    Case("cut off before its index", capture("--source", "{folder}/cut.mp4"), r"source '.*cut\.mp4': no picture can be read from it"),
    Case("unknown scheme", capture("--source", "ftp://u:s3cret@host/x"), r"ftp://\*\*\*@host/x': ftp:// is not known; expected"),
]
MISTAKES = (
    r"wrong\.yaml:2: unknown key 'redis\.urll'; did you mean 'url'\? \(allowed: url, prefix, .*\)\n"
    r".*wrong\.yaml:4: 'delivery\.max_retries': found 'many', expected a valid integer\n"
    r".*wrong\.yaml:6: 'detection\.confidence': found 1\.5, expected less than or equal to 1\n"
)
SETTINGS = [
    Case(f"settings, {name}", argv, MISTAKES, env={"GENESIS_CONFIG": "{folder}/wrong.yaml"})
    for name, argv in {
        "capture": capture("--source", "{folder}/whole.avi"),
        "bridge": BRIDGE,
        "worker": WORKER,
        **{name: genesis(*name.split()) for name in ("init", "status", "config check", "run", "up", "compare")},
    }.items()
]
SETTINGS += [
    Case("settings on the command line", genesis("--config", "{folder}/wrong.yaml", "config", "check"), MISTAKES),
    Case("no settings", (*BRIDGE, "--config", "{folder}/nope.yaml"), r"nope\.yaml: no such settings file"),
    Case("a wrong variable", BRIDGE, r"GENESIS_REDIS__URL: 'redis\.url': found", env={"GENESIS_REDIS__URL": "http://:s3cret@h"}),
]
HANDLERS = [
    Case(f"{module}, {name}", argv, rf"handlers: module '{module}' can't be imported: {says}", env={"GENESIS_HANDLERS": f'["{module}"]'})
    for module, says in {
        "no_such_module": "No module named 'no_such_module'",
        "broken_syntax": r".*\(broken_syntax\.py, line 2\)",
        "broken_when_run": r"RuntimeError: no redis://\*\*\*@host \(.*broken_when_run\.py, line 1\)",
    }.items()
    for name, argv in {"bridge": BRIDGE, "worker": WORKER, "check": genesis("config", "check"), "event": EVENT}.items()
]
NOT_A_MODEL = r"text\.pt: not weights that can be loaded \(not a PyTorch checkpoint\); allowed: a \.pt"
WORKERS = [
    Case("weights, worker", tuple(worker_argv("detection")), NOT_A_MODEL, env={"GENESIS_DETECTION__WEIGHTS": "{folder}/text.pt"}),
    Case("weights, sync", capture("--source", "{folder}/cut.avi"), NOT_A_MODEL, env={"GENESIS_DETECTION__WEIGHTS": "{folder}/text.pt"}),
    Case(
        "weights, run", genesis("run", "--source", "{folder}/cut.avi"), NOT_A_MODEL, env={"GENESIS_DETECTION__WEIGHTS": "{folder}/text.pt"}
    ),
    Case("unknown queue", tuple(worker_argv("detektion")), r"unknown queue 'detektion' \(queues: .*detection, "),
]


def of_a_server(place: str, says: str, *, status: int = 1) -> list[Case]:
    """Return a case for every program that needs Redis, with one that is at `place` and can't be used."""
    cases = []
    for name, argv in {"capture": EVENT, "bridge": BRIDGE, "init": genesis("init"), "status": genesis("status")}.items():
        code = status if name == "status" else 1
        found = says.replace("SETTING", r"redis\.url") if code else "genesis:|frames"
        cases.append(Case(f"{place}, {name}", argv, found, code, {"GENESIS_REDIS__URL": f"{{{place}}}"}))
    for name, argv in {"run": RUN, "up": UP}.items():
        there = tuple(part.replace("{url}", f"{{{place}}}") for part in argv)
        cases.append(Case(f"{place}, {name}", there, says.replace("SETTING", "--redis-url"), 1))
    cases.append(
        Case(f"{place}, cache", EVENT, says.replace("SETTING", r"frame_cache\.url"), 1, {"GENESIS_FRAME_CACHE__URL": f"{{{place}}}"})
    )
    broker = says.replace("SETTING", r"celery\.broker_url")
    cases.append(Case(f"{place}, broker of the bridge", BRIDGE, broker, 1, {"GENESIS_CELERY__BROKER_URL": f"{{{place}}}"}))
    if place != "away":
        cases.append(Case(f"{place}, broker of the worker", WORKER, broker, 1, {"GENESIS_CELERY__BROKER_URL": f"{{{place}}}"}))
        cases.append(Case(f"{place}, worker", WORKER, says.replace("SETTING", r"redis\.url"), 1, {"GENESIS_REDIS__URL": f"{{{place}}}"}))
    return cases


SERVERS = [
    *of_a_server("away", r"Redis at redis://\S+ \(SETTING\) can't be reached \(.*\): start it, or correct SETTING"),
    *of_a_server("refusing", r"Redis at redis://\*\*\*@\S+ \(SETTING\) refused the password: correct it in the URL"),
    *of_a_server("replica", r"Redis at redis://\S+ \(SETTING\) is a read-only replica: point SETTING at the primary", status=0),
    Case(
        # A worker outlives its broker, and so it waits for it.
        "away, broker of the worker", WORKER, r"Cannot connect to redis://\S+: .* refused; trying again until it answers", 0,
        {"GENESIS_CELERY__BROKER_URL": "{away}"}, until_said=True,
    ),
]  # fmt: skip
CASES = [*SOURCES, *SETTINGS, *HANDLERS, *WORKERS, *SERVERS]


@dataclass(frozen=True)
class Answer:
    """What a program has said, on both streams together, and its exit code."""

    code: int
    text: str


@contextmanager
def serving(redis_program: Path, folder: Path, *options: str) -> Iterator[int]:
    """Serve on a free port of loopback; yield the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = [str(redis_program), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), *options]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)

    def answers() -> bool:
        try:
            return bool(redis.Redis(port=port).ping())
        except redis.AuthenticationError:
            return True
        except redis.ConnectionError:
            return False

    try:
        wait_until(answers, "redis-server answers", 20)
        yield port
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, redis_program: Path) -> Iterator[dict[str, str]]:
    """Make the wrong files and start the servers that can't be used; return what the names in a case stand for."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "empty").mkdir()
    for name in ("text.mp4", "text.pt"):
        (folder / name).write_text("hello, I am a text\n")
    for name, code in (("avi", "MJPG"), ("mp4", "mp4v")):
        whole = folder / f"whole.{name}"
        writer = cv2.VideoWriter(str(whole), cv2.VideoWriter.fourcc(*code), 10, (96, 160))
        for number in range(FRAMES):
            writer.write(np.full((160, 96, 3), 4 * number, np.uint8))
        writer.release()
        (folder / f"cut.{name}").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    wrong = f"redis:\n  urll: redis://:{PASSWORD}@host\ndelivery:\n  max_retries: many\ndetection:\n  confidence: 1.5\n"
    (folder / "wrong.yaml").write_text(wrong)
    (folder / "broken_syntax.py").write_text("import os\ndef f(:\n")
    (folder / "broken_when_run.py").write_text(f"raise RuntimeError('no redis://:{PASSWORD}@host')\n")
    with ExitStack() as stack, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and nobody listens
        port = stack.enter_context(serving(redis_program, folder, "--repl-diskless-sync-delay", "0"))
        locked = stack.enter_context(serving(redis_program, folder, "--requirepass", "another"))
        replica = stack.enter_context(serving(redis_program, folder, "--replicaof", "127.0.0.1", str(port)))
        wait_until(lambda: redis.Redis(port=replica).info("replication")["master_link_status"] == "up", "the replica follows", 20)
        yield {
            "folder": str(folder),
            "fine": f"redis://127.0.0.1:{port}/0",
            "away": f"redis://127.0.0.1:{closed.getsockname()[1]}/0",
            "refusing": f"redis://:{PASSWORD}@127.0.0.1:{locked}/0",
            "replica": f"redis://127.0.0.1:{replica}/0",
        }


@pytest.fixture(scope="module")
def answers(request: pytest.FixtureRequest, places: dict[str, str]) -> Iterator[dict[str, Future[Answer]]]:
    """Run the programs of all chosen cases, a few at a time."""
    chosen = {item.callspec.params["case"].name: item.callspec.params["case"] for item in request.session.items if _is_ours(item)}
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield {name: pool.submit(_answer, case, places, number) for number, (name, case) in enumerate(chosen.items())}
        pool.shutdown(cancel_futures=True)


def _is_ours(item: pytest.Item) -> bool:
    return item.path == Path(__file__) and isinstance(item, pytest.Function) and hasattr(item, "callspec")


def _answer(case: Case, places: dict[str, str], number: int) -> Answer:
    folder = Path(places["folder"])
    env = {name: value for name, value in os.environ.items() if not name.startswith("GENESIS_") or name == "GENESIS_REDIS_SERVER"}
    env |= {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)]),
        "PYTHONUNBUFFERED": "1",
        "GENESIS_DATA_DIR": str(folder / "data"),
        "GENESIS_RECOGNITION__ENGINE": "none",
        "GENESIS_STORAGE__DSN": "none",
        "GENESIS_DETECTION__OFFLINE": "true",
        "GENESIS_DETECTION__WEIGHTS": str(folder / "there-is-no.pt"),
        "GENESIS_REDIS__GIVE_UP_SECONDS": "0.5",
        "GENESIS_REDIS__URL": places["fine"],
        "GENESIS_FRAME_CACHE__URL": places["fine"],
        "GENESIS_CELERY__BROKER_URL": places["fine"],
        **{name: value if name == "GENESIS_HANDLERS" else value.format(**places) for name, value in case.env.items()},
    }
    log = folder / f"{number}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [part.format(**places) for part in case.argv],
            cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            if case.until_said:
                wait_until(lambda: process.poll() is not None or re.search(case.says, log.read_text()), f"{case.name} says it", 60)
                process.send_signal(signal.SIGTERM)
            return Answer(process.wait(60), log.read_text())
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_wrong_is_said_clearly(case: Case, answers: dict[str, Future[Answer]]) -> None:
    answer = answers[case.name].result()

    assert answer.code == case.code, answer.text
    assert re.search(case.says, answer.text), answer.text
    assert "Traceback" not in answer.text, answer.text
    assert PASSWORD not in answer.text, answer.text
    assert len(re.findall(r"^(?:genesis|error): ", answer.text, re.MULTILINE)) == bool(case.code), answer.text


def test_a_recording_that_is_cut_off_is_played_as_far_as_it_goes(places: dict[str, str]) -> None:
    case = next(case for case in SOURCES if case.name == "cut off in the middle")

    answer = _answer(case, places, len(CASES))

    frames = int(re.search(r'"frames": (\d+)', answer.text)[1])
    assert FRAMES / 3 < frames < FRAMES
    assert answer.text.count("ends early") == 1
