"""Connect to public addresses alone: neither to this machine, nor into the networks around it.

A name is resolved once, each of its addresses is judged, and what is connected to is such an address, not the name again: a name
server that gives another answer a moment later (DNS rebinding) changes nothing. Addresses that carry an IPv4 address within them
(`::ffff:10.0.0.1`, 6to4, NAT64) are judged by that one. The lists are those of IANA's special-purpose registries (RFC 6890).
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import urllib.request
from typing import TypeAlias

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_OTHERS = (
    ipaddress.IPv4Network("192.0.0.0/24"),  # protocol assignments (RFC 6890), of which older Pythons know the first eight
    ipaddress.IPv4Network("168.63.129.16/32"),  # what every machine in Azure knows its host by
    ipaddress.IPv6Network("3fff::/20"),  # documentation (RFC 9637)
    ipaddress.IPv6Network("5f00::/16"),  # segment routing (RFC 9602)
)
_IPV4_BITS = (1 << 32) - 1


class NotPublicError(Exception):
    """A name or address belongs to a private, local or reserved network. Use another one, or allow private addresses."""


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public internet.

    Not so are private, shared, loopback, link-local (such as a cloud's metadata service), multicast, reserved and unspecified ones.

    >>> is_public("93.184.215.14"), is_public("169.254.169.254"), is_public("::ffff:10.0.0.1")
    (True, False, False)
    """
    return _is_public(ipaddress.ip_address(address))


def check_public(host: str) -> None:
    """Look at what a name means here, where somebody else (a proxy) will connect to it; one that is unknown here passes.

    Raises:
        NotPublicError: any of its addresses is not public.
    """
    with contextlib.suppress(socket.gaierror):
        for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
            if not is_public(str(address[0])):
                raise NotPublicError(_told(host, str(address[0])))


def connect_public(host: str, port: int, timeout: float | None) -> socket.socket:
    """Return a connection to the first public address of a name that accepts one.

    Args:
        host: name or address.
        port: TCP port.
        timeout: seconds for each address; None waits as long as the system does.

    Raises:
        NotPublicError: the name has no public address; nobody was connected to.
        OSError: there is no such name, or none of its public addresses answers.
    """
    failure: OSError | None = None
    refused = ""
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if not is_public(str(address[0])):
            refused = refused or str(address[0])
            continue
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(timeout)
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = failure or error
        else:
            return connection
    if failure is None:
        raise NotPublicError(_told(host, refused))
    raise failure


class PublicHTTPConnection(http.client.HTTPConnection):
    """A connection to a public address; there is no proxy between."""

    def connect(self) -> None:
        """Connect.

        Raises:
            NotPublicError: the host has no public address.
        """
        self.sock = connect_public(self.host, self.port, self.timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class PublicHTTPSConnection(http.client.HTTPSConnection, PublicHTTPConnection):
    """The same with TLS, which begins once `PublicHTTPConnection.connect` has returned: it is the next in the order of bases."""


class PublicHTTPHandler(urllib.request.HTTPHandler):
    """Opens `http://` URLs at public addresses."""

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Open one."""
        return self.do_open(PublicHTTPConnection, req)


class PublicHTTPSHandler(urllib.request.HTTPSHandler):
    """Opens `https://` URLs at public addresses."""

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Open one; certificates are checked."""
        return self.do_open(PublicHTTPSConnection, req)


def _is_public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        within = address.ipv4_mapped or address.sixtofour
        if within is None and address in _NAT64:
            within = ipaddress.IPv4Address(int(address) & _IPV4_BITS)
        if within is not None:
            return _is_public(within)
        if address.is_site_local:
            return False
    if any(address in network for network in _OTHERS):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _told(host: str, address: str) -> str:
    where = host if host == address else f"{host} means {address}, which"
    return f"{where} is no public address, and private ones are not allowed"
