"""URLs of a broker, of its management API, of a dedup store and of a handler, with a password that must stay secret."""

from __future__ import annotations

from random import Random

from tests.fuzz import oddities
from tests.fuzz.case import ESCAPED_SECRET, SECRET, SECRET_PARTS, Case, Place

_SCHEMES = {
    "amqp": ("amqp", "amqps", "AMQP", "amqp ", "ampq", "http", "", "amqp+ssl"),
    "management": ("http", "https", "HTTP", "amqp", "file", ""),
    "dedup": ("postgresql", "postgres", "redis", "rediss", "memory", "mysql", ""),
    "handler": ("http", "https", "HTTPS", "ftp", ""),
}
#: What can be asked at once whether it is there: this machine, and nothing.
_HOSTS = (
    *(
        "127.0.0.1",
        "127.0.0.1",
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::1",
        "::1",
        "",
        "nothing.invalid",
        "256.256.256.256",
    ),
    *("a b", "é.invalid", "x" * 300, "a..b", "-", "%31", "[::1%25lo]", "[v1.x]", "127.0.0.1\n", "xn--a", "\udcff"),
)
_PORTS = (":1", ":1", ":1", "", ":0", ":65536", ":x", ":", ":-1", ":+1", ":1 ", ":１", f":{'9' * 5_000}", ":1:1")
_PATHS = (
    "/v",
    "/%2F",
    "",
    "/",
    "//",
    "/v/w",
    "/%zz",
    "/%ff",
    "/v?heartbeat=1",
    "/v#f",
    "/v;x=1",
    "/" + "x" * 300,
    "/0",
    "/é",
)
_SEPARATORS = ("://", "://", "://", "://", "://", "://", ":/", "//", ":", ":///")
_PASSWORDS = (
    *(ESCAPED_SECRET, ESCAPED_SECRET, ESCAPED_SECRET, SECRET, *SECRET_PARTS),
    *(f"{part}{mark}{SECRET_PARTS[0]}" for part, mark in zip(SECRET_PARTS, "/#?@:[", strict=True)),
    *(
        f"{SECRET_PARTS[0]}%",
        f"{SECRET_PARTS[0]} x",
        f"{SECRET_PARTS[0]}\u202e",
        f"%ff{SECRET_PARTS[1]}",
        f"{SECRET_PARTS[2]}\\",
    ),
)
_USERS = ("fuzz", "fuzz", "fuzz", "", "a%zz", "a%2F", "é", "a/b", "x" * 300)


def url(random: Random, kind: str) -> str:
    """Make a URL of a kind; the password always follows a colon and stands before an @."""
    parts = (random.choice(_USERS), ":", random.choice(_PASSWORDS), "@", random.choice(_HOSTS), random.choice(_PORTS))
    return f"{random.choice(_SCHEMES[kind])}{random.choice(_SEPARATORS)}{''.join(parts)}{random.choice(_PATHS)}"


def case(random: Random, place: Place) -> Case:
    """Make a command that is given such a URL, as an option or in the environment."""
    kind = random.choice(("amqp", "amqp", "amqp", "management", "dedup", "handler"))
    made = oddities.argument(url(random, kind))
    words, environ = _GIVEN[kind](random, place, made)
    talk = random.choice(([], [], ["--json"], ["-vv", "--debug"], ["--log-format", "json", "-v"]))
    return Case(words=[*words, *talk], environ=environ, files={"t.yaml": b"queues: {q: }\n"})


def _of_broker(random: Random, place: Place, made: str) -> tuple[list[str], dict[str, str]]:
    if random.random() < 0.2:
        made = random.choice((f"{made},{place.dead_url}", f"{place.dead_url},{made}", f"{place.dead_url}, {made}"))
    words = random.choice(
        (
            ["publish", "-k", "q", "x"],
            ["consume", "q"],
            ["declare", "t.yaml"],
            ["plan", "t.yaml"],
            ["export"],
            ["delete", "-y", "t.yaml"],
        )
    )
    if random.random() < 0.3:
        return words, {random.choice(("AMQPTOOL_URL", "AMQP_URL")): made}
    option = random.choice(("--url", "-u", "--url="))
    return [*words, f"--url={made}"] if option == "--url=" else [*words, option, made], {}


def _of_management(random: Random, place: Place, made: str) -> tuple[list[str], dict[str, str]]:
    words = [*random.choice((["plan", "t.yaml"], ["export"], ["graph", "--live"])), "--url", place.dead_url]
    if random.random() < 0.3:
        return words, {"AMQPTOOL_MANAGEMENT_URL": made}
    return [*words, "--management-url", made], {}


def _of_dedup(random: Random, place: Place, made: str) -> tuple[list[str], dict[str, str]]:
    if random.random() < 0.5:
        return ["dedup", random.choice(("stats", "prune")), "--dedup", made], {}
    return ["consume", "q", "--handler", "tests.fuzz.handlers:decode", "--url", place.dead_url, "--dedup", made], {}


def _of_handler(random: Random, place: Place, made: str) -> tuple[list[str], dict[str, str]]:
    del random
    return ["consume", "q", "--dedup", "memory:", "--url", place.dead_url, "--handler", made], {}


_GIVEN = {"amqp": _of_broker, "management": _of_management, "dedup": _of_dedup, "handler": _of_handler}
