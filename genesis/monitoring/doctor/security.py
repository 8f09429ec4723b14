"""What strangers could reach or read: passwords that are missing or known to everybody, pages and files that are open."""

from __future__ import annotations

import ipaddress
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from genesis.masking import mask
from genesis.monitoring.doctor.facts import Facts
from genesis.monitoring.doctor.findings import Finding
from genesis.settings import Settings

KNOWN = frozenset({"genesis", "password", "passwort", "admin", "guest", "postgres", "redis", "secret", "changeme", "change-me", "example"})
"""Passwords that everybody tries; the first is that of docker-compose.dev.yml."""
PRIVATE = (
    "crops",
    "snapshots",
    "dual",
    "runs",
    "redis",
    "postgres",
)  # folders below data_dir with pictures of people, or all that is known
_SECRET_LINE = re.compile(r"^\s*-?\s*(?:secret|basic_auth|password|token)\s*:\s*['\"]?[^\s'\"#]", re.MULTILINE)
_SECRET_URL = re.compile(r"://[^\s/'\"@]*:[^\s'\"@]+@")
_MOST_ENTRIES = 50


def check_security(settings: Settings, servers: Iterable[Facts], file: Path | None) -> Iterable[Finding]:
    """Look at what strangers could reach or read.

    Args:
        settings: of this installation.
        servers: facts of the Redis servers that answered.
        file: that the settings come from; None: there is none.
    """
    found = [*_passwords(settings), *_open_servers(servers), *_pages(settings), *_folders(settings.data_dir), *_file(file)]
    yield from found or [Finding("ok", "security", "open", "nothing is open to strangers that can be seen from here")]


def is_loopback(host: str | None) -> bool:
    """Tell whether a host is this machine alone."""
    if not host or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _passwords(settings: Settings) -> Iterator[Finding]:
    named = {
        "redis.url": settings.redis.url,
        "frame_cache.url": settings.frame_cache.url,
        "celery.broker_url": settings.celery.broker_url,
        "storage.dsn": settings.storage.dsn,
    }
    for setting, url in named.items():
        parts = urlsplit(url)
        if not parts.hostname or is_loopback(parts.hostname):
            continue
        password = unquote(parts.password or "")
        if not password and parts.scheme in {"redis", "rediss"}:
            yield Finding(
                "warning", setting, "password", f"{mask(url)} is on another machine, and no password is given",
                "Whoever reaches it reads everything, publishes what they like, or removes it.",
                f"a password there (configs/redis/acl has a list for each role), and in {setting}: "
                f"{parts.scheme}://user:password@{parts.hostname}...",
            )  # fmt: skip
        elif password.lower() in KNOWN:
            yield Finding(
                "warning", setting, "password", f"{mask(url)} is on another machine, with a password that everybody tries",
                "It is that of an example, or nearly none: whoever reaches the server is in.",
                f"a long random password (openssl rand -hex 24) there, and in {setting}",
            )  # fmt: skip


def _open_servers(servers: Iterable[Facts]) -> Iterator[Finding]:
    for facts in servers:
        if facts.open_at:
            yield Finding(
                "warning", facts.setting, "open", f"it answers at {facts.open_at} without a password",
                "Whoever reaches that address reads everything, publishes what they like, or removes it.",
                f"bind 127.0.0.1 in its redis.conf, or a password (configs/redis/acl has a list for each role); now: {facts.cli} "
                "CONFIG SET protected-mode yes",
            )  # fmt: skip


def _pages(settings: Settings) -> Iterator[Finding]:
    if not is_loopback(settings.flower.address) and not settings.flower.basic_auth:
        yield Finding(
            "warning", "flower.address", "open", f"Flower listens on {settings.flower.address}, and asks nobody for a password",
            "Whoever reaches it sees every task, and can stop the workers.",
            "flower.basic_auth: user:password, or flower.address: 127.0.0.1",
        )  # fmt: skip
    if not is_loopback(settings.monitoring.address):
        yield Finding(
            "warning", "monitoring.address", "open", f"metrics and health are served on {settings.monitoring.address}, to everybody",
            "They tell cameras, zones and how many people are there. That may be meant, where Prometheus is on another machine.",
            "a firewall that lets in Prometheus alone, or monitoring.address: 127.0.0.1",
        )  # fmt: skip


def _folders(data_dir: Path) -> Iterator[Finding]:
    if not _permits(data_dir, stat.S_IXOTH):
        return
    opened = [name for name in PRIVATE if _opened(data_dir / name)]
    if opened:
        folders = " ".join(str(data_dir / name) for name in opened)
        yield Finding(
            "warning", "data_dir", "open", f"every user of this machine can read {', '.join(opened)} in {data_dir}",
            "Pictures of people lie there, or all that is known of them.", f"chmod -R o-rwx {folders}",
        )  # fmt: skip


def _opened(folder: Path) -> bool:
    """Tell whether others can read something that lies in a folder."""
    if not _permits(folder, stat.S_IROTH | stat.S_IXOTH):
        return False
    try:
        entries = [entry for _, entry in zip(range(_MOST_ENTRIES), folder.iterdir(), strict=False)]
        return any(_permits(entry, stat.S_IROTH | stat.S_IXOTH if entry.is_dir() else stat.S_IROTH) for entry in entries)
    except OSError:
        return False


def _permits(path: Path, bits: int) -> bool:
    try:
        return path.stat().st_mode & bits == bits
    except OSError:
        return False


def _file(file: Path | None) -> Iterator[Finding]:
    if file is None or not _permits(file, stat.S_IROTH):
        return
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    if _SECRET_LINE.search(lines) or _SECRET_URL.search(lines):
        yield Finding(
            "warning", "settings", "open", f"{file} holds passwords, and every user of this machine can read it",
            "They open cameras and servers.",
            f"chmod o-r {file}; or take them from the environment, or from files of their own (GENESIS_REDIS__URL_FILE=...)",
        )  # fmt: skip
