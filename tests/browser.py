"""A page in a headless Chromium, driven over its DevTools protocol: opened, looked at, asked, and photographed."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.processes import ROOT, wait_until

ARTEFACTS = Path(os.environ.get("GENESIS_ARTEFACTS") or ROOT / "build" / "artefacts")
"""Where pictures of pages are kept."""

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-breakpad", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--remote-debugging-pipe",
)  # fmt: skip
_PATIENCE = 30.0  # seconds; only ever reached by a failure
_READ_BYTES = 1 << 20
_WORDS_OF_COMPLAINT = {"error", "assert"}


class Page:
    """One tab.

    Args:
        commands: descriptor to write commands to.
        answers: descriptor to read answers and events from.

    Attributes:
        complaints: errors in the console, exceptions, and what the page's policy refused, since it was opened.
        requested: addresses that the page asked for since it was opened.
        status: HTTP status of the document.
    """

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = commands
        self._answers = answers
        self._rest = b""
        self._numbers = itertools.count(1)
        self._session = ""
        self.complaints: list[str] = []
        self.requested: list[str] = []
        self.status = 0
        target = self._do("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._do(f"{domain}.enable")

    def resize(self, width: int, height: int = 900, *, dark: bool = False) -> None:
        """Give the page a size in CSS pixels, and a colour scheme."""
        self._do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._do("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, url: str, user: str = "") -> None:
        """Go to an address and wait until all is loaded.

        Args:
            url: of the page.
            user: `user:password` to send with every request, as a browser does once it was told.
        """
        self.complaints, self.requested, self.status = [], [], 0
        self._do("Network.setExtraHTTPHeaders", headers={"Authorization": basic(user)} if user else {})
        self._do("Page.navigate", url=url)
        wait_until(lambda: self.ask(f"document.readyState == 'complete' && location.href != 'about:blank' && {json.dumps(url)}"), url)

    def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; None while the page changes."""
        answer = self._do("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise AssertionError(f"{expression}: {details.get('exception', {}).get('description', details['text'])}")
        return answer.get("result", {}).get("value")

    def text(self, selector: str = "body") -> str:
        """Return the text that is seen in an element; nothing if there is none."""
        return self.ask(f"document.querySelector({json.dumps(selector)})?.innerText") or ""

    def photograph(self, name: str, *, whole: bool = True) -> np.ndarray:
        """Keep a picture of the page under a name below `ARTEFACTS`; return it.

        Args:
            name: of the file, without `.png`.
            whole: all of the page, not only what fits the window.
        """
        picture = b64decode(self._do("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"])
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        (ARTEFACTS / f"{name}.png").write_bytes(picture)
        return cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)

    def _do(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": parameters}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        for message in self._messages():
            if message.get("id") == number:
                if "error" in message and "context" not in message["error"]["message"]:
                    raise AssertionError(f"{method}: {message['error']['message']}")
                return message.get("result", {})
            self._note(message.get("method", ""), message.get("params", {}))
        raise AssertionError(f"{method}: no answer")

    def _messages(self) -> Iterator[dict[str, Any]]:
        deadline = time.monotonic() + _PATIENCE
        while True:
            while b"\0" in self._rest:
                text, self._rest = self._rest.split(b"\0", 1)
                yield json.loads(text)
            if not select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return
            read = os.read(self._answers, _READ_BYTES)
            if not read:
                return
            self._rest += read

    def _note(self, method: str, told: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            address = told["request"]["url"]
            if not address.startswith("data:"):  # that is within the page
                self.requested.append(address)
        elif method == "Network.responseReceived" and told["type"] == "Document":
            self.status = told["response"]["status"]
        elif method == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and told["type"] in _WORDS_OF_COMPLAINT:
            self.complaints.append(" ".join(str(part.get("value", part.get("description"))) for part in told["args"]))
        elif method == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}".strip())


@contextmanager
def chromium(folder: Path) -> Iterator[Page]:
    """Run a Chromium with a profile of its own, and give its page; skip the test where there is none.

    Args:
        folder: for the profile.
    """
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None or not shutil.which("bash"):
        pytest.skip("chromium is not installed: pages are not looked at")
    theirs, ours = _pipes()
    # The protocol is spoken on the descriptors 3 and 4.
    argv = ["bash", "-c", f'exec "$0" "$@" 3<&{theirs[0]} 4>&{theirs[1]}', program, *_QUIET, f"--user-data-dir={folder}"]
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT, pass_fds=theirs, start_new_session=True)
    try:
        for descriptor in theirs:
            os.close(descriptor)
        yield Page(*ours)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for descriptor in ours:
            os.close(descriptor)


def is_blank(picture: np.ndarray) -> bool:
    """Tell whether a picture shows nothing: hardly any pixel differs from the commonest colour."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    counts = np.bincount(grey.ravel(), minlength=256)
    return bool(counts.max() > 0.995 * grey.size)


def basic(user: str) -> str:
    from base64 import b64encode

    return f"Basic {b64encode(user.encode()).decode()}"


def _pipes() -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the ends of two pipes: those of the program (read, write), and ours (write, read)."""
    (their_read, our_write), (our_read, their_write) = os.pipe(), os.pipe()
    theirs = []
    for descriptor in (their_read, their_write):
        theirs.append(fcntl.fcntl(descriptor, fcntl.F_DUPFD, 10))  # out of the way of 3 and 4
        os.close(descriptor)
    return (theirs[0], theirs[1]), (our_write, our_read)
