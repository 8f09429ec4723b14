"""Several installations share a machine: each finds ports that the others have not taken."""

from __future__ import annotations

import socket

import pytest

from genesis.embedded.ports import free_port, page


def test_a_port_that_is_taken_is_passed_over_and_so_are_those_of_others() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        found = free_port("127.0.0.1", port, others=range(port, port + 20))

    assert port + 20 <= found < port + 100


def test_the_one_that_is_wanted_is_taken_where_it_is_free() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    assert free_port("127.0.0.1", port, others=[port]) == port


def test_an_address_that_is_not_ours_has_none() -> None:
    assert free_port("203.0.113.1", 9108) == 0


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::1", "http://[::1]:80"),
        ("::", "http://[::1]:80"),
        ("host.example", "http://host.example:80"),
    ],
)
def test_a_page_is_named_as_it_is_reached_from_here(address: str, found: str) -> None:
    assert page(address, 80) == found
