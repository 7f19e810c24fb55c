"""The URLs of keys in etcd."""

from __future__ import annotations

import pytest

from amqptool.errors import ConfigError
from amqptool.settings.etcd_url import EtcdUrl, brokers_of, parse_brokers, parse_etcd_url
from amqptool.settings.url import AmqpUrl
from amqptool.settings.url_options import UrlOptions
from tests.security.needles import ESCAPED, PASSWORD, leaks, words_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("etcd://host/key", EtcdUrl(endpoints=("host:2379",), key="/key")),
        ("etcd://a:1,b,[::1]:3/shop/url", EtcdUrl(endpoints=("a:1", "b:2379", "[::1]:3"), key="/shop/url")),
        ("ETCD://host/a%20b", EtcdUrl(endpoints=("host:2379",), key="/a b")),
        (
            f"etcd://ann:{ESCAPED}@host/key",
            EtcdUrl(endpoints=("host:2379",), key="/key", username="ann", password=PASSWORD),
        ),
        (
            "etcds://host/key?cacertfile=/ca.pem",
            EtcdUrl(endpoints=("host:2379",), key="/key", tls=True, options=UrlOptions(cacertfile="/ca.pem")),
        ),
    ],
)
def test_what_it_says(text: str, expected: EtcdUrl) -> None:
    """Members with their ports, the key with its slash, a login, and the files of TLS."""
    assert parse_etcd_url(text) == expected


@pytest.mark.parametrize(
    "form",
    [
        "etcd://host",
        "etcd://host/",
        "etcd:///key",
        "etcd://ann@host/key",
        "etcd://:{}@host/key",
        "etcd://ann:{}@host:port/key",
        "etcd://ann:{}@host:99999/key",
        "etcd://ann:{}/{}@host/key",
        "etcd://ann:{}@{}@host/key",
        "etcd://ann:{}",
        "etcd://host/key?cacertfile=/{}",
        "etcds://host/key?{}=1",
        "etcds://host/key?certfile=/x&auth_mechanism=external",
        "etcd://ann:{}@host,/key",
        "etcd://ann:{}@host/key\x00",
    ],
)
@pytest.mark.parametrize("password", [PASSWORD, ESCAPED])
def test_what_is_no_such_url_is_not_repeated(form: str, password: str) -> None:
    """What is wrong may be a password that was not escaped."""
    with pytest.raises(ConfigError) as caught:
        parse_etcd_url(form.replace("{}", password))
    assert leaks(words_of(caught.value)) == set()


def test_it_shows_itself_without_its_password() -> None:
    """As text, and in a repr."""
    url = parse_etcd_url(f"etcds://ann:{ESCAPED}@a,b:1/shop/url?cacertfile=/ca.pem")
    assert str(url) == "etcds://ann:***@a:2379,b:1/shop/url?cacertfile=/ca.pem"
    assert leaks(f"{url!r} {url}") == set()


@pytest.mark.parametrize("scheme", ["amqp", "etcd"])
def test_a_password_from_elsewhere_stands_in_no_url(scheme: str) -> None:
    """Its user does; two passwords are one too many."""
    assert parse_brokers(f"{scheme}://ann@host/key", has_password=True)
    with pytest.raises(ConfigError, match="another one comes from elsewhere"):
        parse_brokers(f"{scheme}://ann:secret@host/key", has_password=True)


def test_a_password_of_nobody_is_refused() -> None:
    """In etcd nobody is a guest."""
    with pytest.raises(ConfigError, match="names no user whose password"):
        parse_brokers("etcd://host/key", has_password=True)


def test_each_way_to_say_where_brokers_are() -> None:
    """One URL, several, parsed or not, or a key in etcd; not both, and not none."""
    assert brokers_of(AmqpUrl(host="a")) == (AmqpUrl(host="a"),)
    assert brokers_of("amqp://a,amqp://b") == (AmqpUrl(host="a"), AmqpUrl(host="b"))
    assert brokers_of(["amqp://a,amqp://b", AmqpUrl(host="c")]) == tuple(AmqpUrl(host=each) for each in "abc")
    assert brokers_of(["etcd://a/k"]) == brokers_of(parse_etcd_url("etcd://a/k")) == parse_etcd_url("etcd://a/k")
    for wrong in ([], ["amqp://a", "etcd://a/k"]):
        with pytest.raises(ConfigError):
            brokers_of(wrong)
