"""Which broker URL wins, and what is said of its origin."""

from __future__ import annotations

import pytest

from amqptool.errors import ConfigError
from amqptool.settings.resolve import DEFAULT_URL, resolve_management_url, resolve_urls
from amqptool.settings.url import AmqpUrl

ALL_SET = {"AMQPTOOL_URL": "amqp://ours", "AMQP_URL": "amqp://everyones"}


@pytest.mark.parametrize(
    ("flag", "environ", "host", "origin"),
    [
        ("amqp://flag", ALL_SET, "flag", "--url"),
        (None, ALL_SET, "ours", "AMQPTOOL_URL"),
        (None, {"AMQP_URL": "amqp://everyones"}, "everyones", "AMQP_URL"),
        (None, {"AMQPTOOL_URL": "amqp://ours"}, "ours", "AMQPTOOL_URL"),
        (None, {"HOME": "/root"}, "localhost", "the default"),
    ],
)
def test_the_nearest_setting_wins(flag: str | None, environ: dict[str, str], host: str, origin: str) -> None:
    """The option goes before our variable, that before everybody's, and the default comes last."""
    resolved = resolve_urls(flag, environ)

    assert (resolved.value[0].host, resolved.origin) == (host, origin)


def test_the_default_is_rabbitmqs_own() -> None:
    """With nothing set, it is the user, password, port and vhost of a fresh RabbitMQ on this machine."""
    assert AmqpUrl(host="localhost", port=5672, username="guest", password="guest", vhost="/", tls=False) == DEFAULT_URL


@pytest.mark.parametrize(
    ("flag", "environ", "origin"),
    [
        ("nonsense", ALL_SET, "--url"),
        ("", ALL_SET, "--url"),
        (None, {**ALL_SET, "AMQPTOOL_URL": "nonsense"}, "AMQPTOOL_URL"),
        (None, {"AMQP_URL": "nonsense"}, "AMQP_URL"),
    ],
)
def test_a_bad_url_names_its_setting_and_hides_no_other(flag: str | None, environ: dict[str, str], origin: str) -> None:
    """A winning value that is no URL is an error that names its setting; no lower one steps in."""
    with pytest.raises(ConfigError) as caught:
        resolve_urls(flag, environ)

    assert str(caught.value).startswith(f"{origin}: ")


def test_a_losing_value_is_not_even_read() -> None:
    """A malformed value of a setting that does not win hurts nobody."""
    resolved = resolve_urls("amqp://flag", {"AMQPTOOL_URL": "nonsense", "AMQP_URL": "nonsense"})

    assert resolved.value[0].host == "flag"


def test_a_resolved_password_is_not_shown() -> None:
    """The repr of a resolved URL hides the password, as the URL itself does."""
    assert "s3cret" not in repr(resolve_urls("amqp://ann:s3cret@host", {}))


@pytest.mark.parametrize(
    ("flag", "environ", "url", "expected", "origin"),
    [
        ("http://f", {"AMQPTOOL_MANAGEMENT_URL": "http://v"}, AmqpUrl(), "http://f", "--management-url"),
        (None, {"AMQPTOOL_MANAGEMENT_URL": "https://v"}, AmqpUrl(), "https://v", "AMQPTOOL_MANAGEMENT_URL"),
        (None, {}, AmqpUrl(host="a"), "http://a:15672", "the default"),
        (None, {}, AmqpUrl(host="::1", tls=True), "https://[::1]:15671", "the default"),
    ],
)
def test_the_nearest_management_setting_wins(
    flag: str | None, environ: dict[str, str], url: AmqpUrl, expected: str, origin: str
) -> None:
    """The option goes before the variable, and the broker's host comes last."""
    resolved = resolve_management_url(flag, environ, url)

    assert (resolved.value, resolved.origin) == (expected, origin)


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "ftp://a", "http://", "http://user:secret@a", "http://user:secret/x@a", "http:///a:secret@a"],
)
def test_a_bad_management_url_is_named_by_its_setting(text: str) -> None:
    """The error names the setting and never repeats the text, which may hold a password."""
    with pytest.raises(ConfigError, match=r"^--management-url: a management URL ") as caught:
        resolve_management_url(text, {}, AmqpUrl())
    assert "secret" not in str(caught.value)
