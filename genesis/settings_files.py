"""Settings whose values lie in files of their own, as Docker and Kubernetes hand over secrets.

`GENESIS_REDIS__URL_FILE=/run/secrets/ledger` stands for `GENESIS_REDIS__URL` with the content of that file, less one newline at its
end. Every setting can be given so; a list or a mapping is JSON there, as it is in a variable. What is read is never shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from genesis.errors import SettingsError

SUFFIX = "_FILE"
LARGEST = 1_000_000  # bytes: no setting is that long, so it is the wrong file


@dataclass(frozen=True, slots=True)
class FileVariable:
    """A variable that names the file of a setting.

    Attributes:
        name: as it is spelt in the environment, `GENESIS_REDIS__URL_FILE`.
        path: what it says; empty: it names no file.
        setting: the variable that it stands for, `GENESIS_REDIS__URL`.
    """

    name: str
    path: str
    setting: str

    def read(self) -> str:
        """Return the file's content without one newline at its end.

        Raises:
            SettingsError: it can't be read, is no text, or is far too long.
        """
        path = Path(self.path)
        try:
            if path.exists() and not path.is_file():
                raise SettingsError(self._told("is no file"))  # a pipe would give its content once, and settings are read again
            with path.open("rb") as file:
                content = file.read(LARGEST + 1)
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            raise SettingsError(self._told("is not UTF-8 text")) from None
        except (OSError, ValueError) as error:
            raise SettingsError(self._told(f"can't be read: {getattr(error, 'strerror', None) or error}")) from None
        if len(content) > LARGEST:
            raise SettingsError(self._told(f"has more than {LARGEST:,} bytes: it can't be a setting"))
        return text[: -len("\r\n")] if text.endswith("\r\n") else text.removesuffix("\n")

    def _told(self, what: str) -> str:
        return f"environment variable {self.name}: its file {self.path!r} {what}"


def file_variables(environment: Mapping[str, str], model: type[BaseModel], prefix: str) -> list[FileVariable]:
    """Return the variables that name the file of a setting.

    A name that is itself a setting's, and one that stands for none, is left to the others.

    Args:
        environment: of the process.
        model: all settings.
        prefix: of their variables, `GENESIS_`.
    """
    found = []
    for name, value in environment.items():
        upper = name.upper()
        if upper.startswith(prefix) and upper.endswith(SUFFIX) and not _is_setting(upper.removeprefix(prefix), model):
            setting = upper.removesuffix(SUFFIX)
            if _is_setting(setting.removeprefix(prefix), model):
                found.append(FileVariable(name, value, setting))
    return found


def with_files(variables: Mapping[str, Any], files: list[FileVariable], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return variables with the contents of files in place of the variables that name them.

    Args:
        variables: by name in small letters.
        files: those that name files.
        environment: of the process.

    Raises:
        SettingsError: a setting has both, or a file can't be read.
    """
    there = {name.upper(): name for name in environment}
    merged = dict(variables)
    for file in files:
        merged.pop(file.name.lower(), None)
        if not file.path:
            continue  # as good as unset: a compose file hands on what is not there as nothing
        if file.setting in there:
            msg = f"environment variables {there[file.setting]} and {file.name}: one setting, two values: unset one of them"
            raise SettingsError(msg)
        merged[file.setting.lower()] = file.read()
    return merged


def without_files(environment: Mapping[str, str], settings: Mapping[str, str]) -> list[str]:
    """Return the variables that name a file for settings which a program now gives itself, so that it can unset them.

    Args:
        environment: of the process.
        settings: what it sets, by variable.
    """
    names = {f"{name.upper()}{SUFFIX}" for name in settings}
    return [name for name in environment if name.upper() in names]


def _is_setting(name: str, model: type[BaseModel]) -> bool:
    """Tell whether a variable's name, without its prefix, is that of one setting and not of a section."""
    section: Any = model
    for part in name.lower().split("__"):
        field = section.model_fields.get(part) if isinstance(section, type) and issubclass(section, BaseModel) else None
        if field is None:
            return False
        section = field.annotation
    return not (isinstance(section, type) and issubclass(section, BaseModel))
