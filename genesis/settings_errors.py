"""Read a YAML file so that a mistake in it can be answered with its line."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from genesis.errors import SettingsError
from genesis.masking import mask
from genesis.settings_files import FileVariable, file_variables

Location = tuple[str | int, ...]
_FOUND_LENGTH = 60
_ENV_PREFIX = "GENESIS_"
_TEXT_TAG = "tag:yaml.org,2002:str"
_MERGE_TAG = "tag:yaml.org,2002:merge"
# pydantic speaks of Python; a person who writes YAML has lists and mappings.
_IN_WORDS = (
    (re.compile(r"^Value error, |^Input should be |^Input is "), ""),
    (re.compile(r"^a valid dictionary or instance of \w+$"), "keys below it"),
    (re.compile(r"^a valid tuple$"), "a list"),
    (re.compile(r"^String should match pattern "), "text that matches "),
    (re.compile(r"^\w+ should have (at \w+ \d+ \w+).*$"), r"\1"),
    (re.compile(r"^not a valid path for .*$"), "a path"),
    (re.compile(r", unable to (?:parse|interpret) .*$"), ""),
)


@dataclass(frozen=True)
class YamlDocument:
    """A YAML file's values, and the line (from 1) on which each of its keys stands."""

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[Location, int] = field(default_factory=dict)

    @classmethod
    def empty(cls) -> YamlDocument:
        """No file: every setting has its default."""
        return cls("defaults")

    @classmethod
    def read(cls, path: Path) -> YamlDocument:
        """Read a file.

        Raises:
            SettingsError: it can't be read, is not YAML, has a key twice, or is not a mapping.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            msg = f"{path}: no such settings file"
            raise SettingsError(msg) from None
        except (OSError, UnicodeDecodeError) as error:
            msg = f"{path}: can't be read: {error}"
            raise SettingsError(msg) from None
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            lines: dict[Location, int] = {}
            _collect_lines(node, (), lines, path)
            values = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"{path}:{mark.line + 1}" if mark else str(path)
            problem = getattr(error, "problem", None) or str(error)
            msg = f"{where}: not YAML: {' '.join(problem.split())}"
            raise SettingsError(msg) from None
        except ValueError as error:
            # An impossible date, say: YAML has dates, we have none.
            msg = f"{path}: not YAML: {error}"
            raise SettingsError(msg) from None
        except RecursionError:
            msg = f"{path}: nested too deeply"
            raise SettingsError(msg) from None
        if values is None:
            values = {}
        if not isinstance(values, dict):
            msg = f"{path}:1: found {_shown(values)}, expected a mapping such as 'redis:' with keys below it"
            raise SettingsError(msg)
        return cls(str(path), values, lines)


def explain(error: ValidationError, document: YamlDocument, model: type[BaseModel]) -> str:
    """Return one line per mistake: where it stands, the key, what was found and what is allowed."""
    return "\n".join(dict.fromkeys(_explain_one(mistake, document, model) for mistake in error.errors()))


def explain_variable(error: ValueError, model: type[BaseModel]) -> str:
    """Return one line about an environment variable, or the file that it names, that should be JSON and is not."""
    text = getattr(error.__cause__, "doc", None)
    for file in file_variables(os.environ, model, _ENV_PREFIX):
        if file.path and file.read() == text:
            key = file.setting[len(_ENV_PREFIX) :].lower().replace("__", ".")
            return f"{_file_named(file)}: '{key}': expected JSON in it, such as [1, 5] or {{\"key\": 1}}"
    for name, value in os.environ.items():
        if value == text and name.upper().startswith(_ENV_PREFIX):
            key = name[len(_ENV_PREFIX) :].lower().replace("__", ".")
            return f"environment variable {name}: '{key}': found {_shown(value)}, expected JSON, such as [1, 5] or {{\"key\": 1}}"
    return f"environment: {mask(str(error))}"


def _explain_one(mistake: Any, document: YamlDocument, model: type[BaseModel]) -> str:
    location: Location = tuple(mistake["loc"])
    key = _dotted(location)
    file = _file_of(location, model)
    where = _file_named(file) if file else _where(location, document)
    if mistake["type"] == "extra_forbidden":
        siblings = _siblings(location, model)
        near = _nearest(str(location[-1]), siblings)
        hint = f"; did you mean '{near}'?" if near else ""
        return f"{where}: unknown key '{key}'{hint} (allowed: {', '.join(siblings)})"
    if mistake["type"] == "missing":
        return f"{where}: key '{key}' is missing"
    allowed = mistake["msg"]
    for pattern, words in _IN_WORDS:
        allowed = pattern.sub(words, allowed)
    named = f"'{key}': " if key else ""
    if mistake["type"] == "value_error" and not isinstance(mistake["input"], str | int | float):
        return f"{where}: {named}expected {allowed}"
    hidden = file or location == ("flower", "basic_auth") or (location[-1:] in {("secret",), ("url",)} and location[:1] == ("alerts",))
    found = "***" if hidden else _shown(mistake["input"])
    return f"{where}: {named}found {found}, expected {allowed}"


def _file_of(location: Location, model: type[BaseModel]) -> FileVariable | None:
    """Return the variable whose file holds the value at a place."""
    names = {_ENV_PREFIX + "__".join(str(part) for part in location[:end]).upper() for end in range(1, len(location) + 1)}
    return next((file for file in file_variables(os.environ, model, _ENV_PREFIX) if file.path and file.setting in names), None)


def _file_named(file: FileVariable) -> str:
    return f"environment variable {file.name} (file {file.path})"


def _where(location: Location, document: YamlDocument) -> str:
    for end in range(len(location), 0, -1):
        variable = _ENV_PREFIX + "__".join(str(part) for part in location[:end]).upper()
        for name, value in os.environ.items():
            if name.upper() == variable and _says(value, location[end:]):
                return f"environment variable {name}"
    for end in range(len(location), -1, -1):
        line = document.lines.get(location[:end])
        if line is not None:
            return f"{document.name}:{line}"
    prefixed = next((name for name in os.environ if location and name.upper().startswith(f"{_ENV_PREFIX}{location[0]}".upper())), None)
    return f"environment variable {prefixed}" if prefixed else document.name


def _says(value: str, location: Location) -> bool:
    """Return whether a variable's value reaches down to a place below its own key; what is missing stands where its siblings are."""
    if not location:
        return True
    try:
        found = json.loads(value)
    except ValueError:
        return False
    for part in location[:-1]:
        try:
            found = found[part]
        except (LookupError, TypeError):
            return False
    return isinstance(found, list) or (isinstance(found, dict) and (location[-1] in found or len(location) > 1))


def _siblings(location: Location, model: type[BaseModel]) -> list[str]:
    for part in location[:-1]:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        inner = [annotation, *get_args(annotation)] if get_origin(annotation) else [annotation]
        model = next(a for a in inner if isinstance(a, type) and issubclass(a, BaseModel))
    return list(model.model_fields)


def _nearest(word: str, candidates: Sequence[str]) -> str | None:
    import difflib  # noqa: PLC0415 - only on the way out

    return next(iter(difflib.get_close_matches(word, candidates, n=1)), None)


def _dotted(location: Location) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _shown(value: Any) -> str:
    text = "nothing" if value is None else mask(repr(value))
    return text if len(text) <= _FOUND_LENGTH else f"{text[:_FOUND_LENGTH]}..."


def _collect_lines(node: yaml.Node | None, location: Location, lines: dict[Location, int], path: Path) -> None:
    if node is None:
        return
    lines.setdefault(location, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag not in {_TEXT_TAG, _MERGE_TAG}:
                msg = f"{path}:{line}: a key must be text (put it in quotes, or remove it)"
                raise SettingsError(msg)
            name = str(key.value)
            if name in seen:
                msg = f"{path}:{line}: key '{_dotted((*location, name))}' stands twice"
                raise SettingsError(msg)
            seen.add(name)
            below = (*location, name)
            lines[below] = line
            _collect_lines(value, below, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            # The item's own first line stands for it.
            _collect_lines(value, (*location, index), lines, path)
