"""Which broker URL wins, and what is said of its origin."""

from __future__ import annotations

from pathlib import Path

import pytest

from amqptool.errors import ConfigError
from amqptool.settings.config_file import Profile
from amqptool.settings.etcd_url import EtcdUrl
from amqptool.settings.passwords import PasswordFile
from amqptool.settings.resolve import (
    DEFAULT_URL,
    resolve_dedup,
    resolve_management_url,
    resolve_urls,
    with_password,
)
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


SHOP = Profile(name="shop", file=Path("/x.toml"), url="amqp://mq", management_url="http://mq:1", dedup="redis://mq")


def test_a_profile_goes_before_the_default_alone() -> None:
    """It is not even looked for where a setting before it wins."""

    def unwanted() -> Profile:
        raise AssertionError

    assert resolve_urls("amqp://flag", {}, unwanted).origin == "--url"
    assert resolve_urls(None, {"AMQP_URL": "amqp://everyones"}, unwanted).origin == "AMQP_URL"
    resolved = resolve_urls(None, {}, lambda: SHOP)
    assert (resolved.value, resolved.origin) == ((AmqpUrl(host="mq"),), "profile 'shop'")
    without_url = Profile(name="empty", file=Path("/x.toml"))
    assert resolve_urls(None, {}, lambda: without_url).value == (DEFAULT_URL,)


def test_a_bad_url_of_a_profile_names_its_file() -> None:
    """And its profile, and nothing of the URL."""
    profile = Profile(name="shop", file=Path("/x.toml"), url="amqp:s3cret", management_url="s3cret")
    with pytest.raises(ConfigError, match=r"^/x\.toml: profile 'shop': a broker URL begins with") as caught:
        resolve_urls(None, {}, lambda: profile)
    assert "s3cret" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"^/x\.toml: profile 'shop': a management URL begins with"):
        resolve_management_url(None, {}, AmqpUrl(), profile)


def test_the_management_api_of_a_profile_goes_before_the_brokers_host_alone() -> None:
    """As the profile itself is the last to name a broker."""
    variable = {"AMQPTOOL_MANAGEMENT_URL": "http://v"}
    assert resolve_management_url("http://f", variable, AmqpUrl(), SHOP).origin == "--management-url"
    assert resolve_management_url(None, variable, AmqpUrl(), SHOP).origin == "AMQPTOOL_MANAGEMENT_URL"
    assert resolve_management_url(None, {}, AmqpUrl(), SHOP).value == "http://mq:1"


@pytest.mark.parametrize(
    ("flag", "environ", "expected", "origin"),
    [
        ("none", {"AMQPTOOL_DEDUP": "memory:"}, "none", "--dedup"),
        (None, {"AMQPTOOL_DEDUP": "memory:"}, "memory:", "AMQPTOOL_DEDUP"),
        (None, {"AMQPTOOL_DEDUP": ""}, "redis://mq", "profile 'shop'"),
    ],
)
def test_the_nearest_dedup_setting_wins(flag: str | None, environ: dict[str, str], expected: str, origin: str) -> None:
    """The option, the variable, the profile, and a file of the user's at last."""
    resolved = resolve_dedup(flag, environ, lambda: SHOP)
    assert (resolved.value, resolved.origin) == (expected, origin)
    assert resolve_dedup(None, {"HOME": "/h"}).origin == "the default"


def test_a_password_from_elsewhere_is_that_of_the_user_in_the_url() -> None:
    """Of every broker, or of etcd."""
    source = PasswordFile(Path("/p"))
    for url in ("amqp://ann@a,amqp://ann@b", "etcd://ann@a/key"):
        profile = Profile(name="shop", file=Path("/x.toml"), url=url, password=source)
        brokers = with_password(resolve_urls(None, {}, lambda p=profile: p).value, "s3cret")
        each = (brokers,) if isinstance(brokers, EtcdUrl) else brokers
        assert {(one.username, one.password) for one in each} == {("ann", "s3cret")}
