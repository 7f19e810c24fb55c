"""AMQP URLs: what is understood, what is refused, and that no password is ever shown."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from amqptool.errors import ConfigError
from amqptool.settings.url import AmqpUrl, parse_url
from amqptool.settings.url_options import AuthMechanism, UrlOptions

#: Letters that occur in no error message of ours, so that a single one in a message is a leak.
SECRET_LETTERS = "QXZΩ"
RAW_PASSWORDS = st.text(st.sampled_from(SECRET_LETTERS + ":/@?#%[]&=+ \t~41"), max_size=20)
PASSWORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
USERS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
FILES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("amqp://", None),
        ("amqp://localhost", AmqpUrl()),
        ("amqps://localhost", AmqpUrl(tls=True, port=5671)),
        ("AMQP://localhost", AmqpUrl()),
        ("AmqpS://localhost", AmqpUrl(tls=True, port=5671)),
        ("amqp://localhost/", AmqpUrl()),
        ("amqp://localhost/%2F", AmqpUrl()),
        ("amqp://localhost/%2f", AmqpUrl()),
        ("amqp://localhost/orders", AmqpUrl(vhost="orders")),
        ("amqp://localhost/%2Forders", AmqpUrl(vhost="/orders")),
        ("amqp://localhost/caf%C3%A9", AmqpUrl(vhost="café")),
        ("amqp://localhost/café", AmqpUrl(vhost="café")),
        ("amqp://localhost:1", AmqpUrl(port=1)),
        ("amqp://localhost:65535", AmqpUrl(port=65535)),
        ("amqps://localhost:5672", AmqpUrl(tls=True, port=5672)),
        ("amqp://rabbit-1.example.com", AmqpUrl(host="rabbit-1.example.com")),
        ("amqp://10.0.0.1:5673", AmqpUrl(host="10.0.0.1", port=5673)),
        ("amqp://[::1]", AmqpUrl(host="::1")),
        ("amqp://[2001:db8::1]:5673/v", AmqpUrl(host="2001:db8::1", port=5673, vhost="v")),
        ("amqp://ann:secret@[::1]:5673", AmqpUrl(username="ann", password="secret", host="::1", port=5673)),
        ("amqp://ann:secret@host", AmqpUrl(username="ann", password="secret", host="host")),
        ("amqp://ann:@host", AmqpUrl(username="ann", password="", host="host")),
        ("amqp://a%40b:s%2F%3A%25@host", AmqpUrl(username="a@b", password="s/:%", host="host")),
        ("amqp://ann:a+b&c~[]!'(*,;@host", AmqpUrl(username="ann", password="a+b&c~[]!'(*,;", host="host")),
    ],
)
def test_a_url_is_understood(text: str, expected: AmqpUrl | None) -> None:
    """Every part of a URL arrives in its field, unescaped, and absent parts have RabbitMQ's defaults."""
    if expected is None:
        with pytest.raises(ConfigError, match="host"):
            parse_url(text)
    else:
        assert parse_url(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "begins with amqp:// or amqps://"),
        ("localhost", "begins with amqp:// or amqps://"),
        ("http://localhost", "begins with amqp:// or amqps://"),
        ("amqp:/localhost", "begins with amqp:// or amqps://"),
        (" amqp://localhost", "begins with amqp:// or amqps://"),
        ("amqp:///vhost", "names no valid host"),
        ("amqp://ann:pw@", "names no valid host"),
        ("amqp://ann:pw@/vhost", "names no valid host"),
        ("amqp://[]", "names no valid host"),
        ("amqp://one,two", "names no valid host"),
        ("amqp://höst", "names no valid host"),
        ("amqp://::1", "host and port cannot be read"),
        ("amqp://[::1", "host and port cannot be read"),
        ("amqp://[::1]x", "host and port cannot be read"),
        ("amqp://host:1:2", "host and port cannot be read"),
        ("amqp://host:", "port is not a number from 1 to 65535"),
        ("amqp://host:0", "port is not a number from 1 to 65535"),
        ("amqp://host:65536", "port is not a number from 1 to 65535"),
        ("amqp://host:-1", "port is not a number from 1 to 65535"),
        ("amqp://host:+1", "port is not a number from 1 to 65535"),
        ("amqp://host:1_0", "port is not a number from 1 to 65535"),
        ("amqp://host:amqp", "port is not a number from 1 to 65535"),
        ("amqp://host:٥٦٧٢", "port is not a number from 1 to 65535"),
        ("amqp://host:0000099999", "port is not a number from 1 to 65535"),
        ("amqp://host:000001" + "0" * 5000, "port is not a number from 1 to 65535"),
        ("amqp://ann@host", "needs both a user and a password"),
        ("amqp://:pw@host", "needs both a user and a password"),
        ("amqp://@host", "needs both a user and a password"),
        ("amqp://ann:p@w@host", "'@' in the broker URL's user, password or vhost must be written %40"),
        ("amqp://ann:p:w@host", "':' in the broker URL's user, password or vhost must be written %3A"),
        ("amqp://ann:p/w@host", "'/' in the broker URL's user, password or vhost must be written %2F"),
        ("amqp://ann:p#w@host", "'#' in the broker URL's user, password or vhost must be written %23"),
        ("amqp://ann:p?w@host", "'?' in the broker URL's user, password or vhost must be written %3F"),
        ("amqp://host?heartbeat=10", "must be written %3F; the options after one are cacertfile="),
        ("amqps://host?", "the options after one are"),
        ("amqps://host?verify=verify_none", "the options after one are"),
        ("amqps://host?certfile", "the options after one are"),
        ("amqps://host?certfile=", "the options after one are"),
        ("amqps://host?certfile=a&certfile=b", "the options after one are"),
        ("amqps://host?certfile=%FF", "not UTF-8"),
        ("amqps://ann:5671?certfile=/p@host", "'?' in the broker URL's user, password or vhost must be written %3F"),
        ("amqps://host?keyfile=k", "a keyfile and no certfile"),
        ("amqps://host?auth_mechanism=external", "needs amqps:// and a certfile"),
        ("amqp://host?auth_mechanism=external", "needs amqps:// and a certfile"),
        ("amqps://host?auth_mechanism=none", "auth_mechanism in the broker URL is plain or external"),
        ("amqp://host?cacertfile=c", "certificates are for amqps://"),
        ("amqps://host?cacertfile=c%00d", "a file's name in the broker URL holds no NUL"),
        ("amqps://host?cacertfile=c@d", "an '@' in an option %40"),
        ("amqp://ann:p%w@host", "'%' in the broker URL's user, password or vhost must be written %25"),
        ("amqp://ann:p%4@host", "'%' in the broker URL's user, password or vhost must be written %25"),
        ("amqp://host/100%", "'%' in the broker URL's user, password or vhost must be written %25"),
        ("amqp://ann:%FF@host", "not UTF-8"),
        ("amqp://%FF:pw@host", "not UTF-8"),
        ("amqp://host/%FF", "not UTF-8"),
        ("amqp://host/a/b", "vhost must be written %2F"),
        ("amqp://host//", "vhost must be written %2F"),
        ("amqp://ann:p w@host", "no spaces or control characters"),
        ("amqp://host/v\n", "no spaces or control characters"),
        ("amqp://ann:p\x00w@host", "no spaces or control characters"),
        ("amqp://ann:p\u202ew@host", "no spaces or control characters"),
        ("amqp://ann:p\udcffw@host", "no spaces or control characters"),
    ],
)
def test_a_malformed_url_is_refused(text: str, words: str) -> None:
    """What is no AMQP URL is a configuration error that says which part is wrong."""
    with pytest.raises(ConfigError) as caught:
        parse_url(text)

    assert words in str(caught.value)


def test_options_are_understood() -> None:
    """By the names of RabbitMQ's own URI query parameters, unescaped."""
    url = parse_url("amqps://ann:pw@host/v?cacertfile=/etc/ca.pem&certfile=a%26b.pem&keyfile=/k/ey")
    assert url.options == UrlOptions(cacertfile="/etc/ca.pem", certfile="a&b.pem", keyfile="/k/ey")


def test_a_certificate_takes_the_place_of_a_login() -> None:
    """Without a user in the URL there is none, rather than guest."""
    url = parse_url("amqps://host?certfile=c.pem&auth_mechanism=external")
    assert (url.username, url.password, url.who) == ("", "", "the user of certificate 'c.pem'")
    assert str(url) == url.reveal() == "amqps://host:5671/%2F?certfile=c.pem&auth_mechanism=external"


@settings(deadline=None, max_examples=500)
@given(password=RAW_PASSWORDS)
@example(password="Q/X@Z")
@example(password="://QXZ")
@example(password="QXZ@QXZ:QXZ")
@example(password="]:QXZ/")
def test_a_raw_password_is_either_understood_or_refused_in_silence(password: str) -> None:
    """A password pasted without escapes keeps its meaning, or the error repeats no letter of it."""
    try:
        url = parse_url(f"amqp://ann:{password}@broker.example/orders")
    except ConfigError as error:
        assert not set(str(error)) & set(SECRET_LETTERS)
        assert error.__cause__ is None
    else:
        assert (url.password, url.host, url.vhost) == (unquote(password), "broker.example", "orders")
        assert parse_url(url.reveal()) == url


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{}://host",
        "amqp://{}",
        "amqp://ann:{}",
        "amqp://host:{}",
        "amqp://ann:{}@",
        "amqp://ann:{}@host:port",
        "amqp://ann:{}@[::1",
        "amqp://{}@host",
        "amqp://:{}@host",
        "amqp://ann:{}@host/a/b",
        "amqp://ann:{}@host?x",
        "amqps://host?certfile={}&",
        "amqps://host?{}=x",
        "amqps://host?auth_mechanism={}",
        "http://ann:{}@host",
    ],
)
@settings(deadline=None, max_examples=30)
@given(password=RAW_PASSWORDS)
def test_no_error_repeats_a_password_wherever_it_stands(text: str, password: str) -> None:
    """However a URL is mangled around its password, an error repeats no letter of it."""
    try:
        parse_url(text.format(password))
    except ConfigError as error:
        assert not set(str(error)) & set(SECRET_LETTERS)


@settings(deadline=None)
@given(
    url=st.builds(
        AmqpUrl,
        host=st.sampled_from(["localhost", "10.0.0.1", "::1", "rabbit-1.example.com"]),
        port=st.integers(1, 65535),
        username=USERS,
        password=PASSWORDS,
        vhost=USERS,
        tls=st.booleans(),
    )
)
def test_revealing_round_trips(url: AmqpUrl) -> None:
    """Parsing the revealed form of any URL gives the same URL."""
    assert parse_url(url.reveal()) == url


@settings(deadline=None)
@given(files=st.lists(FILES, min_size=3, max_size=3), mechanism=st.sampled_from(["plain", "external"]))
def test_options_round_trip(files: list[str], mechanism: AuthMechanism) -> None:
    """Whatever is in the name of a file."""
    given = dict(zip(("cacertfile", "certfile", "keyfile"), files, strict=True))
    url = AmqpUrl(tls=True, port=5671, options=UrlOptions(**given, auth_mechanism=mechanism))
    assert parse_url(url.reveal()) == url


@settings(deadline=None)
@given(password=st.text(SECRET_LETTERS + "@:/% ", min_size=1))
def test_str_and_repr_are_the_same_for_every_password(password: str) -> None:
    """Neither `str` nor `repr` depends on the password in any way, not even on its length."""
    url, other = AmqpUrl(password=password), AmqpUrl(password="other")

    assert (str(url), repr(url), f"{url}") == (str(other), repr(other), f"{other}")
    assert str(url) == "amqp://guest:***@localhost:5672/%2F"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (AmqpUrl(), "localhost:5672/"),
        (AmqpUrl(vhost="orders"), "localhost:5672/orders"),
        (AmqpUrl(vhost="/orders"), "localhost:5672/orders"),
        (AmqpUrl(host="::1", port=1, vhost="v"), "[::1]:1/v"),
    ],
)
def test_the_address_is_for_people(url: AmqpUrl, address: str) -> None:
    """The address shows host, port and vhost, with the brackets of IPv6, and no user."""
    assert url.address == address


def test_an_ipv6_host_keeps_its_brackets() -> None:
    """An IPv6 host is written in brackets in every form of the URL."""
    url = AmqpUrl(host="2001:db8::1")

    assert "@[2001:db8::1]:5672/" in str(url)
    assert "@[2001:db8::1]:5672/" in url.reveal()
