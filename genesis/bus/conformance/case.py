"""What a case is: a sentence about the server, and a function that finds out whether it is true."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

import redis

from genesis.errors import GenesisError

if TYPE_CHECKING:
    from typing_extensions import Self

logger = logging.getLogger(__name__)


class ConformanceError(GenesisError):
    """The server does not do what Genesis relies on. Use another one, or correct what the message names."""


class Recorder(redis.Redis):
    """A client that remembers which keys below a prefix it has named, and can lose an answer on purpose."""

    def __init__(self, pool: redis.ConnectionPool, prefix: str) -> None:
        super().__init__(connection_pool=pool)
        self.prefix = prefix
        self.named: set[str] = set()
        self.lose_next_answer = False

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command; note the keys in it first, so that none is left behind."""
        self.named.update(argument for argument in args if isinstance(argument, str) and argument.startswith(self.prefix))
        parent: Any = super()
        answer = parent.execute_command(*args, **options)
        if self.lose_next_answer:
            self.lose_next_answer = False
            msg = "the answer was lost on purpose"
            raise redis.ResponseError(msg)  # one that is not waited out
        return answer


class Bench:
    """A place for one case: a connection, keys of its own, and nothing left when it is closed.

    Args:
        client: a connection to the server; it answers in bytes and stays open.
        prefix: throw-away first part of every key that the case uses; it may hold braces.
    """

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self.prefix = prefix
        # Any: the answers of a server under test have whatever shape they have.
        self.client: Any = Recorder(client.connection_pool, prefix)

    def key(self, name: str) -> str:
        """Return a key of this case; it is removed afterwards, whoever names it."""
        key = f"{self.prefix}:{name}"
        self.client.named.add(key)
        return key

    def group(self, *entries: str, name: str = "stream", group: str = "group") -> tuple[str, str, list[str]]:
        """Make a stream with entries and a group at its beginning; return the stream, the group and the entries' ids."""
        stream = self.key(name)
        self.client.xgroup_create(stream, group, id="0", mkstream=True)
        with self.client.pipeline(transaction=False) as pipe:
            for entry in entries:
                pipe.xadd(stream, {"text": entry})
            return stream, group, texts(pipe.execute())

    def read(self, stream: str, group: str, consumer: str = "one", after: str = ">", count: int | None = None) -> list[tuple[Any, Any]]:
        """Read entries of a group as a consumer."""
        answer: Any = self.client.xreadgroup(group, consumer, {stream: after}, count=count)
        return list(answer[0][1]) if answer else []

    def pending(self, stream: str, group: str, entry: str) -> tuple[str, int, int]:
        """Return the consumer, the idle milliseconds and the deliveries of a pending entry."""
        found = self.client.xpending_range(stream, group, entry, entry, 1)
        expect(len(found) == 1, f"XPENDING does not list entry {entry} of {stream}, which is pending")
        row = found[0]
        return text(row["consumer"]), int(row["time_since_delivered"]), int(row["times_delivered"])

    def lua(self, text: str, keys: Sequence[str], *arguments: Any) -> Any:
        """Run a script as Genesis does: by its digest, sent when the server does not know it."""
        return self.client.register_script(text)(keys=keys, args=arguments)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Remove every key that was named."""
        try:
            with self.client.pipeline(transaction=False) as pipe:
                for key in sorted(self.client.named):
                    pipe.delete(key)
                pipe.execute()
        except redis.RedisError as trouble:
            logger.warning("keys of a conformance case may be left below %s: %s", self.prefix, trouble)


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that must be true of a server.

    Attributes:
        name: the sentence.
        identifier: the function's name.
        check: raises ConformanceError, or whatever a wrong answer makes it stumble over.
        quick: takes milliseconds and troubles nobody else on the server.
        alone: changes the server's settings for a moment; only for a server that nobody else uses.
    """

    name: str
    identifier: str
    check: Callable[[Bench], None]
    quick: bool = True
    alone: bool = False

    def run(self, client: redis.Redis, prefix: str) -> None:
        """Find out.

        Args:
            client: a connection to the server, which answers in bytes.
            prefix: throw-away first part of every key; the keys are gone afterwards, whatever happens.

        Raises:
            ConformanceError: it is not true of this server; the message says what was found.
        """
        try:
            with Bench(client, prefix) as bench:
                self.check(bench)
        except ConformanceError as error:
            msg = f"not so on this server: {self.name}: {error}"
            raise ConformanceError(msg) from error
        except (redis.RedisError, GenesisError, LookupError, TypeError, ValueError, AttributeError) as error:
            cause = error.__cause__ if isinstance(error.__cause__, redis.RedisError) else error
            msg = f"not so on this server: {self.name}: unexpected answer ({type(cause).__name__}: {cause})"
            raise ConformanceError(msg) from cause


def case(*, quick: bool = True, alone: bool = False) -> Callable[[Callable[[Bench], None]], Case]:
    """Make a function a case; the first line of its docstring is the sentence."""

    def made(check: Callable[[Bench], None]) -> Case:
        identifier = check.__name__
        sentence = (check.__doc__ or identifier.replace("_", " ")).strip().split("\n", maxsplit=1)[0].rstrip(".")
        return Case(sentence, identifier, check, quick=quick and not alone, alone=alone)

    return made


def expect(condition: object, otherwise: str) -> None:
    """Go on if the condition is true.

    Raises:
        ConformanceError: it is not; `otherwise` says what was found.
    """
    if not condition:
        raise ConformanceError(otherwise)


def expect_equal(found: object, wanted: object, what: str) -> None:
    """Go on if both are equal.

    Raises:
        ConformanceError: they are not; the message has both.
    """
    if found != wanted:
        msg = f"{what}: expected {wanted!r}, found {found!r}"
        raise ConformanceError(msg)


def expect_error(action: Callable[[], object], beginning: str, what: str) -> None:
    """Go on if the action is refused with an error that has a word in it.

    Raises:
        ConformanceError: it was not refused, or otherwise.
    """
    try:
        answer = action()
    except redis.ResponseError as error:
        # redis-py takes away the first word where it has a class for it.
        if beginning in f"{type(error).__name__} {error}":
            return
        msg = f"{what}: expected an error with {beginning}, found {error}"
        raise ConformanceError(msg) from error
    msg = f"{what}: expected an error with {beginning}, found the answer {answer!r}"
    raise ConformanceError(msg)


def text(value: bytes | str) -> str:
    """Return an answer's bytes as text."""
    return value.decode() if isinstance(value, bytes) else value


def texts(values: Iterable[bytes | str]) -> list[str]:
    """Return several answers' bytes as text."""
    return [text(value) for value in values]
