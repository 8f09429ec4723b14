"""What a person can be called, and which names are the same."""

from __future__ import annotations

import pytest

from genesis.errors import UsageError
from genesis.storage.identities import checked_name, name_key


@pytest.mark.parametrize(
    ("one", "other"), [("Ada", "aDA"), ("Zoë", "ZOË"), ("Zoë", "Zoe\u0308"), ("Ada  Lovelace", " ada lovelace "), ("Straße", "STRASSE")]
)
def test_names_that_are_the_same(one, other):
    assert name_key(one) == name_key(other)


def test_a_name_is_kept_as_it_was_written_without_surplus_spaces():
    assert checked_name("  Ada   King\u00a0Lovelace ") == "Ada King Lovelace"


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "Ada\x00", "Ada\u202eevil", "unknown-17", "Unknown-1"])
def test_what_nobody_can_be_called(name):
    with pytest.raises(UsageError) as caught:
        checked_name(name)

    assert "\n" not in str(caught.value)
