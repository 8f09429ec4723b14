"""Ask a network camera whether it would give its stream, without taking it: RTSP's DESCRIBE, HTTP's GET up to the status line.

What is in the answer's body is not read, and no session is set up: a camera that serves one viewer only is not taken from it.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
_LONGEST_HEAD = 16_384  # bytes of an answer's head
_STATUS = re.compile(rb"(?:RTSP|HTTP)/\d\.\d (\d{3})")
_PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')
_REFUSED = 401


@dataclass(frozen=True, slots=True)
class Answer:
    """What a camera said: a status such as 200, 401 or 404; 0 where it said nothing that is one.

    `authorized` tells whether user and password were sent.
    """

    status: int
    authorized: bool = False


def ask(url: str, seconds: float) -> Answer:
    """Ask a camera; where it asks for a password, the URL's is sent.

    Args:
        url: rtsp, rtsps, http or https.
        seconds: that all of it may take.

    Raises:
        OSError: it can't be reached, or does not answer in time.
        ValueError: the URL names no host, or a port that is none.
    """
    parts = urlsplit(url)
    if not parts.hostname:
        msg = "the URL names no host"
        raise ValueError(msg)
    deadline = time.monotonic() + seconds
    plain = _without_password(parts)
    with _connected(parts, seconds) as line:
        status, head = _exchange(line, _request(parts, plain, "", 1), deadline)
        if status != _REFUSED or not (parts.username or parts.password):
            return Answer(status)
        permission = authorization(head, unquote(parts.username or ""), unquote(parts.password or ""), *_asked_for(parts, plain))
        if not permission:
            return Answer(status)  # it wants something that is neither Basic nor Digest
        request = _request(parts, plain, permission, 2)
        # Many cameras remember for each connection what they have asked; others close it with the refusal.
        status = 0
        if parts.scheme.startswith("rtsp"):
            with suppress(ConnectionError):
                status, _ = _exchange(line, request, deadline)
    if not status:
        with _connected(parts, deadline - time.monotonic()) as line:
            status, _ = _exchange(line, request, deadline)
    return Answer(status, authorized=True)


def authorization(head: str, user: str, password: str, method: str, uri: str) -> str:
    """Return the value of `Authorization` that answers a refusal; empty where none can (RFC 7617, RFC 7616).

    Args:
        head: of the refusal.
        user: at the camera.
        password: at the camera.
        method: of the request.
        uri: of the request.
    """
    wanted = [line.partition(":")[2].strip() for line in head.splitlines() if line.lower().startswith("www-authenticate:")]
    for challenge in wanted:
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "digest":
            told = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(rest)}
            if digest := _digest(told, user, password, method, uri):
                return digest
    if any(challenge.lower().startswith("basic") for challenge in wanted):
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return ""


def _digest(told: dict[str, str], user: str, password: str, method: str, uri: str) -> str:
    algorithm = told.get("algorithm", "MD5").upper()
    if algorithm not in {"MD5", "SHA-256"}:
        return ""

    def hashed(*words: str) -> str:
        text = ":".join(words).encode()
        return (hashlib.md5(text, usedforsecurity=False) if algorithm == "MD5" else hashlib.sha256(text)).hexdigest()

    realm, nonce = told.get("realm", ""), told.get("nonce", "")
    secret, request = hashed(user, realm, password), hashed(method, uri)
    fields = {"username": user, "realm": realm, "nonce": nonce, "uri": uri}
    bare = {"algorithm": algorithm} if "algorithm" in told else {}
    if "auth" in [word.strip() for word in told.get("qop", "").split(",")]:
        count, ours = "00000001", secrets.token_hex(8)
        fields |= {"cnonce": ours, "response": hashed(secret, nonce, count, ours, "auth", request)}
        bare |= {"qop": "auth", "nc": count}
    else:
        fields["response"] = hashed(secret, nonce, request)
    if "opaque" in told:
        fields["opaque"] = told["opaque"]
    return "Digest " + ", ".join([*(f'{name}="{value}"' for name, value in fields.items()), *(f"{n}={v}" for n, v in bare.items())])


def _asked_for(parts: SplitResult, plain: str) -> tuple[str, str]:
    if parts.scheme.startswith("rtsp"):
        return "DESCRIBE", plain
    return "GET", urlunsplit(("", "", parts.path or "/", parts.query, ""))


def _request(parts: SplitResult, plain: str, permission: str, number: int) -> bytes:
    method, uri = _asked_for(parts, plain)
    if method == "DESCRIBE":
        lines = [f"DESCRIBE {uri} RTSP/1.0", f"CSeq: {number}", "Accept: application/sdp"]
    else:
        lines = [f"GET {uri} HTTP/1.1", f"Host: {_host(parts)}", "Connection: close"]
    lines += ["User-Agent: genesis-doctor"] + ([f"Authorization: {permission}"] if permission else [])
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def _exchange(line: socket.socket, request: bytes, deadline: float) -> tuple[int, str]:
    """Send a request; return the status and the head of the answer."""
    line.sendall(request)
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _LONGEST_HEAD:
        line.settimeout(max(0.01, deadline - time.monotonic()))
        part = line.recv(4096)
        if not part:
            break
        head += part
    found = _STATUS.match(head)
    return (int(found[1]) if found else 0), head.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")


def _connected(parts: SplitResult, seconds: float) -> socket.socket:
    seconds = max(0.01, seconds)
    line = socket.create_connection((parts.hostname, parts.port or PORTS[parts.scheme]), timeout=seconds)
    if parts.scheme not in {"rtsps", "https"}:
        return line
    # As capture's FFmpeg does, which asks for no certificate: cameras sign theirs themselves.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        return context.wrap_socket(line, server_hostname=parts.hostname)
    except BaseException:
        with suppress(OSError):
            line.close()
        raise


def _without_password(parts: SplitResult) -> str:
    return urlunsplit((parts.scheme, _host(parts), parts.path, parts.query, ""))


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    name = f"[{host}]" if ":" in host else host
    return f"{name}:{parts.port}" if parts.port else name
