"""What a `rediss://` URL says of TLS: its options, whether its files can be used, and how kombu is told the same.

    rediss://USER:PASSWORD@HOST:6379/0?ssl_ca_certs=/etc/genesis/ca.pem&ssl_certfile=/etc/genesis/me.pem&ssl_keyfile=/etc/genesis/me.key

Without options the server's certificate must be one that this machine trusts, and name the host.
"""

from __future__ import annotations

import ssl
from urllib.parse import parse_qs, urlsplit

from genesis.errors import UsageError
from genesis.masking import mask

SCHEME = "rediss"
_CELERYS = {"CERT_REQUIRED": "required", "CERT_OPTIONAL": "optional", "CERT_NONE": "none"}


def check_files(url: str) -> None:
    """Try the certificates and keys that a URL names, since redis-py would take their absence for the server's.

    Args:
        url: of any Redis; one without TLS passes.

    Raises:
        UsageError: one can't be read, is none, or does not belong to the other.
    """
    parts = urlsplit(url)
    if parts.scheme != SCHEME:
        return
    named = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority, certificate, key = (named.get(name) for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"))
    try:
        option = "ssl_ca_certs"
        if authority is not None:
            context.load_verify_locations(authority)
        option = "ssl_certfile" if key is None else "ssl_certfile and ssl_keyfile"
        if certificate is not None:
            context.load_cert_chain(certificate, key, named.get("ssl_password", ""))
    except (OSError, ValueError) as error:
        files = {"ssl_ca_certs": (authority,), "ssl_certfile": (certificate,)}.get(option, (certificate, key))
        shown = " and ".join(repr(file) for file in files)
        msg = f"{mask(without_options(url))}: {option}: {shown} can't be used: {_words(error)}"
        raise UsageError(msg) from None
    if key is not None and certificate is None:
        msg = f"{mask(without_options(url))}: ssl_keyfile needs ssl_certfile beside it"
        raise UsageError(msg)


def without_options(url: str) -> str:
    """Return a `rediss://` URL without its options, which are long; any other as it is."""
    return url.partition("?")[0] if url.startswith(f"{SCHEME}://") else url


def for_kombu(url: str) -> str:
    """Return a broker's URL so that kombu looks at the certificate of a server that speaks TLS: left alone, it trusts any.

    >>> for_kombu("rediss://h:6379/1"), for_kombu("rediss://h?ssl_cert_reqs=none"), for_kombu("redis://h")
    ('rediss://h:6379/1?ssl_cert_reqs=required', 'rediss://h?ssl_cert_reqs=none', 'redis://h')
    """
    return ";".join(_strict(one) for one in url.split(";"))


def for_redis(url: str) -> str:
    """Return a broker's URL as redis-py takes it: Celery has names of its own for what is asked of a certificate."""
    for celerys, name in _CELERYS.items():
        url = url.replace(f"ssl_cert_reqs={celerys}", f"ssl_cert_reqs={name}")
    return url


def _strict(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != SCHEME or "ssl_cert_reqs" in parse_qs(parts.query):
        return url
    return f"{url}{'&' if '?' in url else '?'}ssl_cert_reqs=required"


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        # OpenSSL's own words say little: "[X509] no certificate or crl found", "[SSL] PEM lib".
        return f"not what is wanted there, in PEM ({error.reason or 'no PEM'})".replace("_", " ").lower().replace("pem", "PEM")
    return getattr(error, "strerror", None) or str(error)
