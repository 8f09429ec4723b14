"""Call the world outside, so that a repeated call is recognised: every one carries an idempotency key.

A handler may run twice for one event; the key is the same each time, so the other side acts once:

    @subscribe(AlertEvent, group="notifications", queue="alerts")
    def notify(event, context):
        with connection, connection.cursor() as cursor:
            upsert(cursor, "alerts", {"event_id": event.id, "camera": event.camera, "rule": event.rule})
        post("https://example.org/hook", {"camera": event.camera, "rule": event.rule}, key=event.id)

Where two groups tell the same address of one event, `context.delivery.key` tells their calls apart. What fails
for now is a `RetryableError`, so the delivery's retries apply; what will always fail is a `PermanentError`.
What the other side must do: keep the keys it has seen for longer than the retries and a replay may take.

Where a URL comes from somebody who must not reach into this network, `private=False` calls public addresses alone (`genesis.addresses`).
"""

from __future__ import annotations

import base64
import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, unquote, urljoin, urlsplit, urlunsplit

import msgspec

from genesis.addresses import NotPublicError, PublicHTTPHandler, PublicHTTPSHandler, check_public
from genesis.errors import PermanentError, RetryableError
from genesis.masking import mask

KEY_HEADER = "Idempotency-Key"
TIMEOUT_SECONDS = 10.0
MOST_REDIRECTS = 5
MOST_ANSWER_BYTES = 64 * 1024

# 408 and 425: sent too slowly, or too early. 409: a call with this key is under way. 429: too many.
_FOR_NOW = frozenset((408, 409, 425, 429))
_MOVED = frozenset((301, 302, 307, 308))
_SEE_OTHER = 303
_SERVER_ERROR = 500
_REDIRECT = 300
_SAID = 200  # characters of a refusal that go into the error
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PRINTABLE = re.compile(r"[\x20-\x7e\t]*")


class PrivateAddressError(PermanentError):
    """A private address was to be called where only public ones may be. Give another URL, or allow private addresses."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said.

    Attributes:
        status: HTTP status, 200 to 299, or 303 (done, and described elsewhere).
        body: its first 64 kB.
    """

    status: int
    body: bytes


def post(
    url: str,
    payload: Any,
    *,
    key: str,
    timeout: float = TIMEOUT_SECONDS,
    headers: Mapping[str, str] | None = None,
    private: bool = True,
) -> Answer:
    """Send a payload as JSON, with an `Idempotency-Key`.

    Args:
        url: `http://` or `https://`.
        payload: anything that `msgspec` encodes: mappings, lists, events, times.
        key: as all the others, see `send`.
        timeout: likewise.
        headers: likewise.
        private: likewise.

    Raises:
        RetryableError: as `send` does.
        PermanentError: as `send` does, or the payload can't be JSON.
    """
    return send(url, _encoded(payload, _checked(url)), key=key, timeout=timeout, headers=headers, private=private)


def send(
    url: str, data: bytes, *, key: str, timeout: float = TIMEOUT_SECONDS, headers: Mapping[str, str] | None = None, private: bool = True
) -> Answer:
    """Send bytes that are JSON already (a signature may be about them), with an `Idempotency-Key`.

    A redirect is followed with the payload, and only on the same host. A user and password in the URL are
    sent as basic authentication; messages name no more than the host.

    Args:
        url: `http://` or `https://`.
        data: the JSON.
        key: the same for each repetition of this call, and for no other call.
        timeout: seconds to wait for the connection, and for each piece of the answer.
        headers: more of them.
        private: whether addresses of private and local networks may be called. If not, they are not even connected to, also after a
            redirect. Where the environment names a proxy, it is the one that connects: what the name means here is looked at
            before, and what it means to the proxy only that can say.

    Raises:
        RetryableError: the other side is away, too slow, or says that it can't now (5xx, 408, 409, 425, 429).
        PermanentError: it refuses (another 4xx), there is no such URL or header, or, a `PrivateAddressError`, it is a private one.
    """
    place = _checked(url)
    head = {"Content-Type": "application/json", "User-Agent": "genesis", **_authorization(place), **(headers or {}), KEY_HEADER: key}
    _check_headers(head, place)
    for _ in range(MOST_REDIRECTS + 1):
        answer = _send(place, data, head, timeout, private=private)
        if isinstance(answer, Answer):
            return answer
        place = _redirected(place, answer)
    raise PermanentError(_told(place, f"more than {MOST_REDIRECTS} redirects"))


def _send(place: SplitResult, data: bytes, headers: Mapping[str, str], timeout: float, *, private: bool) -> Answer | str:
    """Return the answer, or the address to which it was redirected."""
    try:
        request = urllib.request.Request(_bare(place), data, dict(headers), method="POST")  # noqa: S310 - the scheme is checked
        with _opener(place, private=private).open(request, timeout=timeout) as answer:
            return Answer(answer.status, answer.read(MOST_ANSWER_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            if error.code in _MOVED and error.headers["Location"]:
                return str(error.headers["Location"])
            if error.code == _SEE_OTHER:
                return Answer(error.code, b"")
            raise _refusal(place, error) from None
    except NotPublicError as error:
        raise PrivateAddressError(_told(place, f"{error}")) from None
    except (http.client.InvalidURL, ValueError) as error:  # no legal host, or characters that must be escaped
        raise PermanentError(_told(place, f"no such URL: {type(error).__name__}")) from None
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise RetryableError(_told(place, f"{reason}" or type(reason).__name__)) from error


def _opener(place: SplitResult, *, private: bool) -> urllib.request.OpenerDirector:
    """Return what opens one URL: no redirects, no files, no FTP, since each is decided on here.

    Raises:
        NotPublicError: a proxy would be asked for a private address.
    """
    opener = urllib.request.OpenerDirector()
    proxies = urllib.request.getproxies()
    proxied = place.scheme in proxies and not urllib.request.proxy_bypass(place.netloc.rpartition("@")[2])
    if proxied and not private:
        check_public(place.hostname or "")
    guarded = not private and not proxied
    handlers = (PublicHTTPHandler(), PublicHTTPSHandler()) if guarded else (
        urllib.request.ProxyHandler(proxies), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler(),
    )  # fmt: skip
    for handler in (*handlers, urllib.request.HTTPDefaultErrorHandler(), urllib.request.HTTPErrorProcessor()):
        opener.add_handler(handler)
    return opener


def _refusal(place: SplitResult, error: urllib.error.HTTPError) -> RetryableError | PermanentError:
    try:
        said = " ".join(error.read(MOST_ANSWER_BYTES).decode("utf-8", "replace").split())[:_SAID]
    except (OSError, http.client.HTTPException):
        said = ""
    line = _told(place, f"{error.code} {error.reason}" + (f": {said}" if said else ""))
    return RetryableError(line) if error.code >= _SERVER_ERROR or error.code in _FOR_NOW else PermanentError(line)


def _checked(url: str) -> SplitResult:
    try:
        place = urlsplit(url)
        known = place.scheme in {"http", "https"} and bool(place.hostname)
        known = known and (place.port is None or place.port > 0)
    except ValueError:
        known = False
    if not known:
        msg = f"POST {mask(url)[:_SAID]!r}: not an http:// or https:// URL"
        raise PermanentError(msg)
    return place


def _redirected(place: SplitResult, location: str) -> SplitResult:
    new = _checked(urljoin(_bare(place), location))
    same = (new.scheme, new.port) == (place.scheme, place.port) or new.scheme == "https"
    if new.hostname != place.hostname or not same:
        raise PermanentError(_told(place, f"redirected to {_shown(new)}, which is another host; give that URL if it is right"))
    return new


def _bare(place: SplitResult) -> str:
    """Return the URL without user, password and fragment."""
    return urlunsplit((place.scheme, place.netloc.rpartition("@")[2], place.path or "/", place.query, ""))


def _authorization(place: SplitResult) -> dict[str, str]:
    if place.username is None:
        return {}
    pair = f"{unquote(place.username)}:{unquote(place.password or '')}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _encoded(payload: Any, place: SplitResult) -> bytes:
    try:
        return msgspec.json.encode(payload)
    except (TypeError, ValueError, OverflowError) as error:
        raise PermanentError(_told(place, f"the payload can't be sent as JSON: {error}")) from error


def _check_headers(headers: Mapping[str, str], place: SplitResult) -> None:
    if not headers[KEY_HEADER].strip():
        raise PermanentError(_told(place, "the idempotency key is empty: give the event's id, or context.delivery.key"))
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or not _PRINTABLE.fullmatch(value):
            raise PermanentError(_told(place, f"header {name!r} can't be sent: its name or value has characters that none may have"))


def _told(place: SplitResult, what: str) -> str:
    return f"POST {_shown(place)}: {mask(what)}"


def _shown(place: SplitResult) -> str:
    """Return the host alone: many a hook has its secret in the path."""
    return f"{place.scheme}://{place.netloc.rpartition('@')[2]}/..."
