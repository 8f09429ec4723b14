"""Where an embedded server's files and socket lie, and whether somebody serves them already."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
from pathlib import Path
from urllib.parse import quote

import redis

from genesis.connections import connect
from genesis.errors import UsageError

_PROBE_SECONDS = 2.0
_SOCKET_PATH_LIMIT = 100  # bytes; the systems' own limits are 104 (BSD, macOS) and 108 (Linux) with the final zero


def socket_of(role: str, folder: Path) -> Path:
    """Return the socket's path; the same for the same folder, in every process."""
    path = folder.absolute() / f"{role}.sock"
    if len(os.fsencode(path)) <= _SOCKET_PATH_LIMIT:
        return path
    short = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
    # Not tempfile.gettempdir(): it may be long too, and differs between processes with another TMPDIR.
    return Path(f"/tmp/genesis-{os.getuid()}-{short}") / f"{role}.sock"  # noqa: S108 - made with 0700 and checked


def made_folder(folder: Path) -> Path:
    """Return a folder's absolute path; make it, for this user alone, if it is missing.

    Raises:
        UsageError: it can't be made or written to.
    """
    folder = folder.absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{folder}: can't be made: {error.strerror}"
        raise UsageError(msg) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        msg = f"{folder}: can't be written to"
        raise UsageError(msg)
    return folder


def private_folder(folder: Path) -> None:
    """Make a folder in a place that everybody can write to, and see that it is ours alone.

    Raises:
        UsageError: somebody else made it first, or can enter it.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        msg = f"{folder}: belongs to somebody else or is open to others; remove it"
        raise UsageError(msg)


def refuse_a_second_server(path: Path, folder: Path) -> None:
    """Remove a stale socket; refuse to go on if a server listens on it.

    Raises:
        UsageError: a server serves the folder; the line names its pid.
    """
    # Redis would take the socket away from a live server without a word, and both would write to the same files.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            msg = f"{path}: can't be opened: {error.strerror or error}"
            raise UsageError(msg) from None
    msg = f"{folder}: a redis-server serves this folder already (pid {_pid_behind(path)}); stop it first, or name another folder"
    raise UsageError(msg)


def _pid_behind(path: Path) -> str:
    client = connect(f"unix://{quote(str(path))}", timeout=_PROBE_SECONDS)
    try:
        return str(client.info("server")["process_id"])
    except (redis.RedisError, KeyError):
        return "unknown: it does not answer"
    finally:
        client.close()
