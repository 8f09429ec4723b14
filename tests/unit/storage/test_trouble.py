"""What an error of PostgreSQL means, and what is said of it: in one line, and without a password."""

from __future__ import annotations

import pytest

pytest.importorskip("psycopg2", reason="no PostgreSQL in this environment: make setup")

import psycopg2

from genesis.storage.trouble import Place, Verdict, explain, verdict

HOST = 'connection to server at "10.0.0.5", port 5432 failed: '
PLACE = Place("postgresql://me:s3cret@10.0.0.5/site")


def error(text: str, code: str | None = None) -> psycopg2.Error:
    made = psycopg2.OperationalError(text)
    made.__setstate__({"pgcode": code})
    return made


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        (HOST + 'FATAL:  password authentication failed for user "me"', Verdict.REFUSED, "refuses the password"),
        (HOST + "fe_sendauth: no password supplied", Verdict.REFUSED, "asks for a password"),
        (HOST + 'FATAL:  database "site" does not exist', Verdict.REFUSED, 'no such database (database "site" does not exist)'),
        (HOST + 'FATAL:  role "me" does not exist', Verdict.REFUSED, "does not know us"),
        (HOST + 'FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "me"', Verdict.REFUSED, "does not let us in"),
        (HOST + "server does not support SSL, but SSL was required", Verdict.REFUSED, "no encrypted connection"),
        (HOST + "SSL error: certificate verify failed", Verdict.REFUSED, "correct sslmode"),
        ('invalid sslmode value: "maybe"', Verdict.REFUSED, "sslmode"),
        ('invalid URI query parameter: "colour"', Verdict.REFUSED, "can't be used"),
        (HOST + "Connection refused\n\tIs the server running on that host?", Verdict.AWAY, "(Connection refused)"),
        (HOST + "timeout expired", Verdict.AWAY, "(timeout expired)"),
        ('could not translate host name "db.invalid" to address: Name or service not known', Verdict.AWAY, "Name or service not known"),
        (HOST + "FATAL:  the database system is starting up", Verdict.AWAY, "starting up"),
        (HOST + "FATAL:  sorry, too many clients already", Verdict.AWAY, "too many clients"),
        ("server closed the connection unexpectedly\n\tThis probably means that it ended.", Verdict.AWAY, "(server closed the connection"),
        (f"{HOST}Connection refused\n\tIs it running?\n{HOST}timeout expired\n", Verdict.AWAY, "(Connection refused; timeout expired)"),
    ],
)  # fmt: skip
def test_what_is_said_when_no_connection_can_be_made(text, kind, said):
    found = error(text)

    line = explain(found, PLACE)

    assert verdict(found, lost=True) is kind
    assert said in line
    assert line.startswith("storage.dsn postgresql://***@10.0.0.5/site ")
    assert "s3cret" not in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("57P01", Verdict.AWAY), ("57P02", Verdict.AWAY), ("57P03", Verdict.AWAY), ("53300", Verdict.AWAY), ("08006", Verdict.AWAY),
        ("53100", Verdict.AWAY), ("57014", Verdict.SLOW), ("40001", Verdict.CONFLICT), ("40P01", Verdict.CONFLICT),
        ("28P01", Verdict.REFUSED), ("42501", Verdict.REFUSED), ("25006", Verdict.REFUSED), ("57P04", Verdict.REFUSED),
        ("42P01", Verdict.SCHEMA), ("23505", Verdict.OTHER), ("22003", Verdict.OTHER), ("42601", Verdict.OTHER),
    ],
)  # fmt: skip
def test_codes_of_statements(code, kind):
    assert verdict(error("words", code), lost=False) is kind


def test_an_error_without_a_code_on_a_living_connection_is_a_mistake_of_ours():
    assert verdict(psycopg2.InterfaceError("cursor already closed"), lost=False) is Verdict.OTHER
    assert verdict(psycopg2.InterfaceError("connection already closed"), lost=True) is Verdict.AWAY


def test_a_full_disk_is_told_as_one():
    assert "has no room (could not extend file)" in explain(error("could not extend file", "53100"), PLACE)
