"""A network that can be spoilt: a TCP proxy in front of a server's unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

_CHUNK = 65_536
_LINGER = struct.pack("ii", 1, 0)  # closing sends a reset
_START_SECONDS = 10.0


class Proxy:
    """Listens on 127.0.0.1 and passes everything on, as long as nobody spoils it. Runs in a thread of its own.

    Args:
        target: the server's unix socket.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._passing = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._delay = 0.0
        self._refusing = False
        self._deaf = False
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"proxy of {target.name}", daemon=True)
        self.port = 0

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        self._ready.wait(_START_SECONDS)

    def close(self) -> None:
        """End, and close all connections."""
        self._do(self._stop.set)
        self._thread.join(_START_SECONDS)

    def mend(self) -> None:
        """Pass everything on again, at once."""

        def mended() -> None:
            if self._deaf:
                self._reset()  # whoever waits for a lost answer waits for ever otherwise
            self._delay, self._refusing, self._deaf = 0.0, False, False
            self._passing.set()

        self._do(mended)

    def stall(self) -> None:
        """Pass nothing on, and keep all connections open."""
        self._do(self._passing.clear)

    def refuse(self) -> None:
        """Reset all connections, and every new one."""

        def refused() -> None:
            self._refusing = True
            self._reset()

        self._do(refused)

    def delay(self, seconds: float) -> None:
        """Take so long each way."""

        def delayed() -> None:
            self._delay = seconds

        self._do(delayed)

    def lose_answers(self) -> None:
        """Pass on what is asked, and nothing of what is answered."""

        def deafened() -> None:
            self._deaf = True

        self._do(deafened)

    def _do(self, action: Callable[[], None]) -> None:
        done = threading.Event()

        def act() -> None:
            action()
            done.set()

        self._loop.call_soon_threadsafe(act)
        done.wait(_START_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._passing.set()
        server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            if self._refusing:
                _abort(writer)
            else:
                await self._connected(reader, writer)
        except asyncio.CancelledError:
            return  # at the end
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, requests = await asyncio.open_unix_connection(str(self._target))
        except OSError:
            return  # the server is away
        self._writers.add(requests)
        ways = [
            asyncio.ensure_future(self._pass(reader, requests)),
            asyncio.ensure_future(self._pass(answers, writer, answers=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            self._writers.discard(requests)
            requests.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool = False) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._passing.wait()
                if self._delay:
                    await asyncio.sleep(self._delay)
                if answers and self._deaf:
                    continue
                writer.write(data)
                await writer.drain()

    def _reset(self) -> None:
        for writer in self._writers:
            _abort(writer)


def _abort(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.family == socket.AF_INET:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
    writer.transport.abort()
