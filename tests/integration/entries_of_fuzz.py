"""Entries as no producer of ours writes them: what a broken, a foreign or a hostile one may put into a stream."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

from genesis.events import Box, FaceRecognized, completed, encode
from tests.events_of_tests import NOON

Pairs = list[tuple[bytes, bytes]]

WORDS = (
    "", " ", "0", "1", "-1", "1.0", "2.0", "nan", "NaN", "Infinity", "-Infinity", "null", "None", "true", "{}", "[]", '""', "{", "]", "\\",
    "\x00", "\r\n", "\u2028", "\ufeff", "\ufb01", "\U0001d54a", "\ud7ff", "../../etc/passwd", "%s%n", "${jndi:x}", "'; DROP TABLE", "1e999",
    "genesis.zone.changed", "genesis.face.recognized", "2026-01-02T12:00:00Z", "replaygroup", "framekey", "frame-1", "9" * 400, "x" * 300,
)  # fmt: skip
NAMES = ("specversion", "id", "source", "type", "time", "subject", "dataschema", "datacontenttype", "traceparent", "framekey", "data")
OURS = ("replaygroup", "replays", "dlq-fields", "dlq-stream", "dlq-group", "dlq-entry", "dlq-reason", "dlq-replays", "dlq-truncated")
TIMES = (
    "now", "", "2026-01-02", "2026-01-02T12:00:00", "2026-13-02T12:00:00Z", "2026-01-02T25:00:00Z", "0000-00-00T00:00:00Z", "1767355200",
    "99999-01-01T00:00:00Z", "2026-01-02T12:00:60Z", "2026-01-02T12:00:00+99:00", "\uff12026-01-02T12:00:00Z",
)  # fmt: skip
_STEM = "urn:genesis:face:recognized"
SCHEMAS = (
    "", ":", "urn:genesis:zone:changed:1.0", _STEM,
    *(f"{_STEM}:{version}" for version in ("", "1", "1.x", "\xb2", "2.0", "1.7", "-1.0", "9" * 500 + ".0", "1.0.0", "1.\u0663")),
)  # fmt: skip
NUMBERS = ("1e999", "-1e999", "9" * 400, "-" + "9" * 25, "0.1e-999", "NaN", "Infinity", "1.5", "-1", "01", "+1", "0x10", "1_000", "\u0663")


class Fuzz:
    """Makes entries; the same seed makes the same ones.

    Args:
        seed: of the random numbers.
        group: that reads the stream.
        limit: bytes of an entry above which it is too large.
    """

    def __init__(self, seed: int, group: str, limit: int) -> None:
        self._random = Random(seed)
        self._group = group
        self._limit = limit
        event = FaceRecognized(camera="door", time=NOON, session="s", number=7, person=Box(0, 0, 9, 9), box=Box(1, 1, 5, 5), model="m")
        self._valid = [(name.encode(), value.encode()) for name, value in encode(completed(event)).items()]
        self._kinds: tuple[Callable[[], Pairs], ...] = (
            self._noise, self._bytes, self._missing, self._attribute, self._attribute, self._no_json, self._value, self._value,
            self._number, self._deep, self._twice, self._keys_twice, self._added, self._empty,
        )  # fmt: skip

    def entry(self) -> Pairs:
        """Return another entry: most are no events, one in a hundred is large or has many fields."""
        if self._random.random() < 0.01:
            return self._random.choice((self._large, self._many))()
        return self._random.choice(self._kinds)()

    def valid(self) -> Pairs:
        """Return an event."""
        identity = b"%032x" % self._random.getrandbits(128)
        return [(name, identity if name == b"id" else value) for name, value in self._valid]

    def _word(self) -> str:
        return self._random.choice(WORDS)

    def _noise(self) -> Pairs:
        return [(self._word().encode(), self._word().encode()) for _ in range(self._random.randint(1, 8))]

    def _bytes(self) -> Pairs:
        pairs = self.valid()
        place = self._random.randrange(len(pairs))
        name, value = pairs[place]
        noise = self._random.randbytes(self._random.randint(1, 40))
        pairs[place] = self._random.choice(((name, noise), (noise, value), (name, value + b"\xff"), (name, b"\xc0\x80" + value)))
        return pairs

    def _missing(self) -> Pairs:
        pairs = self.valid()
        for _ in range(self._random.randint(1, 3)):
            del pairs[self._random.randrange(len(pairs))]
        return pairs

    def _attribute(self) -> Pairs:
        name = self._random.choice(NAMES)
        values = {"time": TIMES, "dataschema": SCHEMAS}.get(name, WORDS)
        return self._with(name, self._random.choice(values))

    def _no_json(self) -> Pairs:
        text = self._data()
        place = self._random.randrange(len(text))
        texts = (
            self._word(),
            text[:place],
            text[place:],
            text + text,
            f"[{text}]",
            json.dumps(text),
            text.replace('"', "'"),
            f"{text}\x00",
        )
        return self._with("data", self._random.choice(texts))

    def _value(self) -> Pairs:
        data = json.loads(self._data())
        name = self._random.choice((*data, "identity", "distance", "track", "unheard_of"))
        if self._random.random() < 0.2:
            data.pop(name, None)
        else:
            data[name] = self._random.choice(
                (None, True, -1, 10**30, "", "x" * 300, [], {}, [1, 2, 3], [1, 2, 3, "4"], {"x1": 1}, [[]] * 4, 1.5)
            )
        return self._with("data", json.dumps(data))

    def _number(self) -> Pairs:
        number = self._random.choice(NUMBERS)
        text = self._data()
        where = self._random.choice((f'{{"number":{number},', f'{{"distance":{number},', f'{{"box":[{number},0,0,0],'))
        return self._with("data", text.replace("{", where, 1) if self._random.random() < 0.5 else where + text[text.index('"session"') :])

    def _deep(self) -> Pairs:
        depth = self._random.choice((10, 200, 900))
        opening, closing = self._random.choice((("[", "]"), ('{"a":', "}")))
        nest = opening * depth + "1" + closing * (depth if self._random.random() < 0.8 else 0)
        text = self._random.choice((nest, f'{{"box":{nest}}}', self._data().replace("{", f'{{"identity":{nest},', 1)))
        return self._with("data", text)

    def _twice(self) -> Pairs:
        pairs = self.valid()
        place = self._random.randrange(len(pairs))
        pairs.insert(self._random.randrange(len(pairs)), (pairs[place][0], self._word().encode()))
        return pairs

    def _keys_twice(self) -> Pairs:
        text = self._data()
        twice = self._random.choice(
            ('"camera":""', '"camera":"yard"', '"number":-1', '"\\u0063amera":1', '"Camera":"x"', '"box":[1,2,3,4]')
        )
        return self._with("data", f"{text[:-1]},{twice}}}" if self._random.random() < 0.7 else f"{{{twice},{text[1:]}")

    def _added(self) -> Pairs:
        """Add fields that have a meaning of their own for us."""
        pairs = self.valid() if self._random.random() < 0.3 else self._random.choice((self._noise, self._missing, self._no_json))()
        values = (self._group, "others", "", "0", "1", "-1", "9" * 30, "genesis:zones", "permanent", "x")
        if self._random.random() < 0.5:
            pairs += [(b"replaygroup", self._random.choice(values).encode()), (b"replays", self._random.choice(values).encode())]
        for _ in range(self._random.randint(0, 4)):
            place = self._random.randint(0, len(pairs))
            pairs.insert(place, (self._random.choice(OURS).encode(), self._random.choice(values).encode()))
        return pairs

    def _empty(self) -> Pairs:
        names = self._random.sample(NAMES, self._random.randint(1, len(NAMES)))
        return [(name, b"" if name.decode() in names else value) for name, value in self.valid()] or [(b"", b"")]

    def _large(self) -> Pairs:
        name = self._random.choice((*NAMES, "x"))
        return self._with(name, self._random.choice(("x", "é", "[")) * self._limit)

    def _many(self) -> Pairs:
        return [(b"%x" % number, b"") for number in range(self._random.choice((1_000, 2_000, 4_500)))]

    def _data(self) -> str:
        return dict(self.valid())[b"data"].decode()

    def _with(self, name: str, value: str) -> Pairs:
        pairs: Pairs = [(known, old) for known, old in self.valid() if known.decode() != name]
        pairs.insert(self._random.randint(0, len(pairs)), (name.encode(), value.encode()))
        return pairs
