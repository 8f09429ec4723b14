"""Write configs/settings.yaml out of the settings model: every key, its meaning and its default (`make settings`)."""

from __future__ import annotations

import sys
import textwrap
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "configs" / "settings.yaml"
WIDTH = 110
EXAMPLES: dict[str, Any] = {
    "cameras.name": "door",
    "cameras.source": "rtsp://10.0.0.7/stream1",
    "cameras.fps": 5,
    "cameras.zones.name": "hall",
    "cameras.zones.polygon": [[0.1, 0.5], [0.9, 0.5], [0.9, 1], [0.1, 1]],
    "cameras.zones.loitering_seconds": 30,
    "cameras.lines.name": "doorstep",
    "cameras.lines.start": [0.2, 0.6],
    "cameras.lines.end": [0.8, 0.6],
    "alerts.rules.name": "night",
    "alerts.rules.when": "entered",
    "alerts.rules.zones": ["hall"],
    "alerts.rules.hours": ["22:00-06:00"],
    "alerts.rules.notify": ["guard"],
    "alerts.notifiers.name": "guard",
    "alerts.notifiers.kind": "webhook",
    "alerts.notifiers.url": "https://example.org/hook",
}
HEAD = """\
# The settings of Genesis, all of them, with their defaults: a key that is left out has the value shown here.
# An environment variable wins over this file: GENESIS_REDIS__URL for redis.url, and so on.
# `genesis config check` reads it and says what is wrong; `genesis config show` shows what is in force.
"""


def render(model: type[BaseModel]) -> str:
    """Return the text of the file for a settings model."""
    return HEAD + "".join(_section(model, ""))


def _section(model: type[BaseModel], indent: str, prefix: str = "") -> list[str]:
    lines: list[str] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            lines += ["\n", *_comment(field.description or "", indent), f"{indent}{name}:\n"]
            lines += _section(inner, indent + "  ", f"{prefix}{name}.")
            continue
        lines += ["\n"] * (not indent) + _comment(_described(field), indent)
        lines.append(f"{indent}{name}:{_value(field.get_default(call_default_factory=True))}\n")
        if (item := _item(inner)) is not None:
            lines += _example(f"{prefix}{name}", item, f"{indent}# ")
    return lines


def _item(annotation: Any) -> type[BaseModel] | None:
    return next((part for part in get_args(annotation) if isinstance(part, type) and issubclass(part, BaseModel)), None)


def _example(key: str, item: type[BaseModel], start: str) -> list[str]:
    """Return a list's items as a comment, since there are none by default."""
    lines = [f"{start}{key.rpartition('.')[2]}:\n"]
    for index, (name, field) in enumerate(item.model_fields.items()):
        lines += _comment(_described(field), "", f"{start}  {'  ' if index else ''}# ")
        below = f"{start}    "
        if (inner := _item(field.annotation)) is not None:
            lines += _example(f"{key}.{name}", inner, below)
            continue
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        lines.append(f"{start}  {'  ' if index else '- '}{name}:{_value(EXAMPLES.get(f'{key}.{name}', default))}\n")
    return lines


def _described(field: FieldInfo) -> str:
    text = field.description or ""
    choices = [str(choice) for part in _parts(field.annotation) if get_origin(part) is Literal for choice in get_args(part)]
    return text if all(choice in text for choice in choices) else f"{text} One of: {', '.join(choices)}."


def _parts(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) is types.UnionType else (annotation,)


def _comment(text: str, indent: str, start: str = "") -> list[str]:
    start = start or f"{indent}# "
    return [f"{line}\n" for line in textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=start)]


def _value(value: Any) -> str:
    plain = to_jsonable_python(value)
    if plain is None:
        return ""
    shorter = [_shorter(item) for item in plain] if isinstance(plain, list) else _shorter(plain)
    return f" {yaml.safe_dump(shorter, default_flow_style=True, width=10_000).splitlines()[0]}"


def _shorter(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def main() -> int:
    """Write the file."""
    sys.path.insert(0, str(ROOT))
    from genesis.settings import Settings  # noqa: PLC0415 - the script may run without an installed Genesis

    FILE.write_text(render(Settings), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
