"""Pictures of faces and of alerts, as files named by their content below the data folder; they go with the last row that names them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from genesis.errors import RetryableError, UsageError

FOLDER = "crops"
"""Where the pictures of faces lie."""
SNAPSHOTS = "snapshots"
"""Where the pictures of alerts lie."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TEMPORARY = ".part"
_BATCH = 1000  # names asked about at once
_UNUSED = {
    FOLDER: """
        SELECT sha FROM unnest(%s::text[]) AS sha
        WHERE NOT EXISTS (SELECT FROM sightings WHERE crop = sha AND crop <> '')
            AND NOT EXISTS (SELECT FROM face_embeddings WHERE crop = sha AND crop <> '')
            AND NOT EXISTS (SELECT FROM presences WHERE face = sha AND face <> '')
    """,
    SNAPSHOTS: """
        SELECT sha FROM unnest(%s::text[]) AS sha WHERE NOT EXISTS (SELECT FROM alerts WHERE snapshot = sha AND snapshot <> '')
    """,
}


class CropError(RetryableError):
    """A picture can't be written or removed: the disk is full, or the folder is not ours. The message names the file."""


class Crops:
    """The pictures of one installation: of faces, or of alerts.

    Args:
        data_dir: of the installation; the folder is made in it when the first one comes.
        folder: `crops` or `snapshots`.
    """

    def __init__(self, data_dir: Path, folder: str = FOLDER) -> None:
        self._folder = data_dir / folder

    def path(self, sha: str) -> Path:
        """Return where a picture lies, or would lie.

        Raises:
            UsageError: that is no SHA-256 in small hexadecimal digits.
        """
        if not _SHA256.fullmatch(sha):
            msg = f"no picture can have the name {sha[:80]!r}: expected 64 hexadecimal digits"
            raise UsageError(msg)
        return self._folder / sha[:2] / f"{sha}.jpg"

    def put(self, jpeg: bytes) -> str:
        """Keep a picture, whole or not at all; return its name. The same one twice is one file.

        Raises:
            CropError: it can't be written.
        """
        sha = hashlib.sha256(jpeg).hexdigest()
        path = self.path(sha)
        try:
            with contextlib.suppress(FileNotFoundError):
                os.utime(path)  # so that it is not taken for an old one that nobody needs
                return sha
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            _write(path, jpeg)
        except OSError as error:
            msg = f"{path}: can't be written: {error.strerror}"
            raise CropError(msg) from error
        return sha

    def delete(self, shas: Iterable[str]) -> int:
        """Remove pictures; return how many were there.

        Raises:
            UsageError: one has a name that none can have.
            CropError: one can't be removed; the others are.
        """
        removed, failed = 0, None
        for path in [self.path(sha) for sha in shas]:
            try:
                path.unlink()
                removed += 1
            except FileNotFoundError:
                continue
            except OSError as error:
                failed = failed or CropError(f"{path}: can't be removed: {error.strerror}")
        if failed:
            raise failed
        return removed

    def orphans(self, before: float, unused: Callable[[Sequence[str]], Sequence[str]]) -> list[str]:
        """Return the pictures that are older than a time and that no row names.

        Args:
            before: seconds since 1970; younger ones may have a row that is still on its way.
            unused: returns which ones of many no row names.
        """
        old = [path.stem for path in self._files(".jpg", before) if _SHA256.fullmatch(path.stem)]
        found: list[str] = []
        for start in range(0, len(old), _BATCH):
            found += unused(old[start : start + _BATCH])
        return found

    def remove_unfinished(self, before: float) -> int:
        """Remove what processes that were killed have left half written before a time; return how many files."""
        removed = 0
        for path in self._files(_TEMPORARY, before):
            with contextlib.suppress(OSError):
                path.unlink()
                removed += 1
        return removed

    def _files(self, suffix: str, before: float) -> Iterator[Path]:
        for path in self._folder.glob(f"[0-9a-f][0-9a-f]/*{suffix}"):
            with contextlib.suppress(OSError):
                if path.lstat().st_mtime < before:
                    yield path


def unused(cursor: Any, shas: Iterable[str], folder: str = FOLDER) -> list[str]:
    """Return which pictures of a folder no row names (any more)."""
    cursor.execute(_UNUSED[folder], (list(shas),))
    return [sha for (sha,) in cursor.fetchall()]


def _write(path: Path, content: bytes) -> None:
    # Made with 0600.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem[:8], suffix=_TEMPORARY)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # a row will say that it is there
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
