"""What a URL says of TLS, told to redis-py and to kombu."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from genesis.settings import Settings
from genesis.tls import check_files, for_kombu, for_redis, without_options


@pytest.mark.parametrize(
    ("url", "strict"),
    [
        ("rediss://h:6379/1", "rediss://h:6379/1?ssl_cert_reqs=required"),
        ("rediss://h/1?ssl_ca_certs=/ca", "rediss://h/1?ssl_ca_certs=/ca&ssl_cert_reqs=required"),
        ("rediss://h/1?ssl_cert_reqs=none", "rediss://h/1?ssl_cert_reqs=none"),
        ("rediss://h/1?ssl_cert_reqs=CERT_OPTIONAL", "rediss://h/1?ssl_cert_reqs=CERT_OPTIONAL"),
        ("rediss://one/1;rediss://two/1", "rediss://one/1?ssl_cert_reqs=required;rediss://two/1?ssl_cert_reqs=required"),
        ("redis://h/1", "redis://h/1"),
        ("redis+socket:///run/s?virtual_host=1", "redis+socket:///run/s?virtual_host=1"),
        ("amqps://h//", "amqps://h//"),
    ],
)
def test_kombu_is_told_to_look_at_a_certificate_unless_the_url_says_something_of_it(url: str, strict: str) -> None:
    assert for_kombu(url) == strict


def test_redis_py_is_told_in_its_own_words() -> None:
    assert for_redis("rediss://h?ssl_cert_reqs=CERT_NONE&ssl_ca_certs=/ca") == "rediss://h?ssl_cert_reqs=none&ssl_ca_certs=/ca"


@pytest.mark.parametrize("url", ["redis://h?ssl_ca_certs=/nowhere", "unix:///run/s?db=1", "rediss://h", "rediss://h?ssl_cert_reqs=none"])
def test_a_url_that_names_no_files_has_none_to_look_at(url: str) -> None:
    check_files(url)


def test_options_are_left_out_of_what_is_shown() -> None:
    assert without_options("rediss://h/0?ssl_ca_certs=/ca") == "rediss://h/0"
    assert without_options("unix:///run/s?db=1") == "unix:///run/s?db=1"


@pytest.mark.parametrize(
    "options",
    [
        "", "?ssl_ca_certs=/ca&ssl_certfile=/c&ssl_keyfile=/k", "?ssl_cert_reqs=none", "?ssl_check_hostname=false", "?db=2&ssl_password=x",
    ],
)  # fmt: skip
def test_what_a_url_may_say_of_tls(options: str) -> None:
    assert Settings(redis={"url": f"rediss://h{options}"}).redis.url == f"rediss://h{options}"


@pytest.mark.parametrize(
    "options", ["?ssl_cafile=/ca", "?ssl_cert_reqs=CERT_REQUIRED", "?ssl_cert_reqs=maybe", "?ssl_check_hostname=perhaps"]
)
def test_what_is_no_option_of_tls_is_answered_with_those_that_are(options: str) -> None:
    with pytest.raises(ValidationError, match=r"ssl_ca_certs, .*ssl_cert_reqs \(required, optional, none\)"):
        Settings(frame_cache={"url": f"rediss://h{options}"})
