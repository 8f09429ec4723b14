"""Whether this machine has room: disk, memory, open files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from genesis.monitoring.doctor.findings import Finding

ABOUT = "machine"
LITTLE_DISK, NO_DISK = 2_000_000_000, 200_000_000  # bytes
FEW_INODES = 0.05  # share of them
LITTLE_MEMORY = 0.1  # share of it that is still to be had
FEW_FILES = 1024  # a bridge and a worker with many children have a few hundred open
CHILD_BYTES = {"detection": 700_000_000, "recognition": 800_000_000}
"""What a worker child of a queue takes, with its model; others take `SMALL_CHILD`."""
SMALL_CHILD = 150_000_000
_UNLIMITED = 1 << 60  # a control group without a limit says so by an absurd number


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine has; None where it does not tell.

    Attributes:
        folder: `data_dir`, or what of its path is there.
        writable: whether we may write there.
        free: bytes that its disk has room for.
        inodes: share of them that is free.
        memory: bytes, of the machine or of the container.
        available: bytes that are still to be had.
        files: that a process may have open.
    """

    folder: Path
    writable: bool
    free: int | None = None
    inodes: float | None = None
    memory: int | None = None
    available: int | None = None
    files: int | None = None


def read_machine(data_dir: Path) -> Machine:
    """Ask the machine."""
    folder = data_dir.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free, inodes = _disk(folder)
    memory, available = _memory()
    writable = folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    return Machine(folder, writable, free, inodes, memory, available, _files())


def check_machine(machine: Machine, caps: int, children: dict[str, int]) -> Iterable[Finding]:
    """Look whether there is room.

    Args:
        machine: what it has.
        caps: bytes that the Redis servers here may take together.
        children: of the workers here, by the queue that says most about their size.
    """
    found = [*_folder(machine), *_room(machine), *_memory_short(machine, caps, children), *_open_files(machine)]
    if found:
        yield from found
    else:
        told = ", ".join(
            f"{size / 1e9:,.1f} GB of {what}" for size, what in ((machine.free, "disk"), (machine.available, "memory")) if size
        )
        yield Finding("ok", ABOUT, "room", f"{told or 'disk and memory'} are free")


def check_time_zone(name: str | None) -> Iterable[Finding]:
    """Look whether the time zone that the environment names is known.

    Args:
        name: what `TZ` says; None or empty: the machine's own is used.
    """
    if not name or name.startswith(":") or "," in name or any(letter.isdigit() for letter in name):
        return  # a file, or a zone that is written out
    try:
        ZoneInfo(name)
    except (LookupError, OSError, ValueError):
        yield Finding(
            "warning", ABOUT, "time-zone", f"TZ={name} is no time zone that this machine knows",
            "The system takes UTC for it without a word: times on screens, and rules' hours without alerts.time_zone, are those of UTC.",
            "apt install tzdata, or pip install tzdata; or correct TZ (such as Europe/Berlin)",
        )  # fmt: skip


def _folder(machine: Machine) -> Iterator[Finding]:
    if not machine.writable:
        yield Finding(
            "error", "data_dir", "writable", f"{machine.folder} can't be written to",
            "Weights, pictures, the embedded servers and the programs' own notes lie there: most programs end at once.",
            f"chown {_user()} {machine.folder}, or name another data_dir",
        )  # fmt: skip


def _room(machine: Machine) -> Iterator[Finding]:
    if machine.free is not None and machine.free < LITTLE_DISK:
        yield Finding(
            "error" if machine.free < NO_DISK else "warning", "data_dir", "disk",
            f"{machine.free / 1e6:,.0f} MB are free in {machine.folder}",
            "A full disk ends the ledger and the database, and pictures and videos can't be kept.",
            f"free space there (du -xh {machine.folder} | sort -h | tail), keep less (storage.retention), or move data_dir",
        )  # fmt: skip
    if machine.inodes is not None and machine.inodes < FEW_INODES:
        yield Finding(
            "warning", "data_dir", "inodes", f"{machine.inodes:.1%} of the inodes are free in {machine.folder}",
            "Without any left no file can be made, however much space there is.",
            "remove folders with very many small files (df -i; storage.retention shortens how long pictures are kept)",
        )  # fmt: skip


def _memory_short(machine: Machine, caps: int, children: dict[str, int]) -> Iterator[Finding]:
    if machine.memory is None:
        return
    wanted = caps + sum(count * CHILD_BYTES.get(queue, SMALL_CHILD) for queue, count in children.items())
    if machine.available is not None and machine.available < LITTLE_MEMORY * machine.memory:
        yield Finding(
            "warning", ABOUT, "memory", f"{machine.available / 1e6:,.0f} MB of {machine.memory / 1e6:,.0f} MB of memory are left",
            "When it is used up the system kills the largest program: a worker with its model, or Redis.",
            "fewer worker children (-c, --detectors), a lower frame_cache.max_size_mb, or more memory",
        )  # fmt: skip
    elif wanted > machine.memory:
        yield Finding(
            "warning", ABOUT, "memory",
            f"Redis may take {caps / 1e6:,.0f} MB here, and {sum(children.values())} worker children about "
            f"{(wanted - caps) / 1e6:,.0f} MB: more than the {machine.memory / 1e6:,.0f} MB of this machine",
            "When all of them use what they may, the system kills the largest program: a worker with its model, or Redis.",
            "fewer worker children (-c, --detectors), a lower frame_cache.max_size_mb and maxmemory, or more memory",
        )  # fmt: skip


def _open_files(machine: Machine) -> Iterator[Finding]:
    if machine.files is not None and machine.files < FEW_FILES:
        yield Finding(
            "warning", ABOUT, "files", f"a process may have {machine.files} files open",
            "Connections count too: a bridge or worker with many children, or the servers, may run out of them.",
            "ulimit -n 4096 before starting; for a service LimitNOFILE=4096, for a container --ulimit nofile=4096",
        )  # fmt: skip


def _disk(folder: Path) -> tuple[int | None, float | None]:
    try:
        told = os.statvfs(folder)
        free = shutil.disk_usage(folder).free
    except OSError:
        return None, None
    return free, told.f_favail / told.f_files if told.f_files else None  # some file systems have no fixed number of inodes


def _memory() -> tuple[int | None, int | None]:
    told: dict[str, int] = {}
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            name, _, value = line.partition(":")
            told[name] = 1024 * int(value.split()[0])
    except (OSError, ValueError, IndexError):
        return None, None
    total, available = told.get("MemTotal"), told.get("MemAvailable")
    limit, used = _number("/sys/fs/cgroup/memory.max"), _number("/sys/fs/cgroup/memory.current")
    if limit is None or limit > _UNLIMITED or total is None or limit >= total:
        return total, available
    left = None if used is None else max(0, limit - used + (_number_of("/sys/fs/cgroup/memory.stat", "inactive_file") or 0))
    return limit, left


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _number_of(path: str, name: str) -> int | None:
    try:
        lines = [line.split() for line in Path(path).read_text(encoding="ascii").splitlines()]
    except (OSError, ValueError):
        return None
    return next((int(words[1]) for words in lines if words[:1] == [name]), None)


def _files() -> int | None:
    try:
        import resource  # noqa: PLC0415 - not everywhere
    except ImportError:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def _user() -> str:
    import getpass  # noqa: PLC0415 - only on the way to a finding

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
