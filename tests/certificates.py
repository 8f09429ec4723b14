"""Certificates for servers and clients of the tests, made by openssl on the spot."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Certificates:
    """A certificate authority, and what it has signed."""

    folder: Path

    @classmethod
    def made(cls, folder: Path) -> Certificates:
        """Make an authority, a certificate for a server on 127.0.0.1 and localhost, and one for a client; each with its key."""
        if shutil.which("openssl") is None:
            pytest.skip("no openssl, which makes the tests' certificates")
        folder.mkdir(parents=True, exist_ok=True)
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
        _openssl(folder, "req", "-x509", *key, "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")
        names = {"server": "IP:127.0.0.1,DNS:localhost", "client": "DNS:client", "elsewhere": "DNS:elsewhere.example"}
        for name, names_of_it in names.items():
            extensions = ("-addext", f"subjectAltName={names_of_it}", "-addext", "basicConstraints=critical,CA:FALSE")
            signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-subj", f"/CN={name}", *extensions)
            _openssl(folder, "req", "-x509", *key, *signed, "-keyout", f"{name}.key", "-out", f"{name}.pem")
        return cls(folder)

    @property
    def authority(self) -> Path:
        """The authority's certificate."""
        return self.folder / "ca.pem"

    def of(self, name: str) -> tuple[Path, Path]:
        """Return certificate and key of `server`, `client`, or `elsewhere` (a server of another name)."""
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def query(self, *, client: bool = True, **changes: str) -> str:
        """Return what a rediss:// URL says of these."""
        certificate, key = self.of("client")
        options = {"ssl_ca_certs": str(self.authority)}
        if client:
            options |= {"ssl_certfile": str(certificate), "ssl_keyfile": str(key)}
        return "&".join(f"{name}={value}" for name, value in {**options, **changes}.items())


def _openssl(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
