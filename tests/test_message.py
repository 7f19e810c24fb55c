"""Message ids, and the check that AMQP can carry a message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amqptool.carried import MAX_DEPTH, SHORT_STRINGS, check_message
from amqptool.errors import InputError
from amqptool.message import Delivery, FarTimestamp, Message, new_message_id, normalize_message_id

CANONICAL = "6f9619ff-8b86-4011-b42d-00c04fc964ff"
NIL = "00000000-0000-0000-0000-000000000000"


def nested(depth: int) -> list[Any]:
    """Make so many lists in each other."""
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    "written",
    [
        CANONICAL,
        CANONICAL.upper(),
        CANONICAL.replace("-", ""),
        f"{{{CANONICAL}}}",
        f"{{{CANONICAL.upper()}}}",
        f"urn:uuid:{CANONICAL}",
        f"URN:UUID:{CANONICAL.upper()}",
        "6F9619FF-8b86-4011-B42D-00c04fc964ff",
    ],
)
def test_all_spellings_of_a_uuid_are_one_id(written: str) -> None:
    """Case, braces, the URN prefix and missing dashes do not make another id."""
    assert normalize_message_id(written) == CANONICAL


@pytest.mark.parametrize("written", [NIL, NIL.replace("-", ""), f"{{{NIL}}}", f"urn:uuid:{NIL}"])
def test_the_nil_uuid_means_no_id(written: str) -> None:
    """Libraries that forgot to set the id send the nil UUID; it identifies nothing."""
    assert normalize_message_id(written) is None


@pytest.mark.parametrize(
    "written",
    [
        None,
        "",
        "order-4711",
        CANONICAL[:-1],
        f"{CANONICAL}0",
        f" {CANONICAL}",
        f"{CANONICAL}\n",
        f"{{{CANONICAL}",
        f"{CANONICAL}}}",
        f"uuid:{CANONICAL}",
        "g" * 32,
        "+" + "1" * 31,
        "0x" + "1" * 30,
        "1_1" + "1" * 29,
        " " + "1" * 31,
        "١" * 32,
        "1-1" + "1" * 30,
        "1" * 33,
        "\udcff" * 32,
    ],
)
def test_anything_else_is_no_uuid(written: str | None) -> None:
    """What only resembles a UUID is no id at all: two different ids must never become one."""
    assert normalize_message_id(written) is None


@settings(deadline=None)
@given(value=st.uuids())
def test_a_canonical_uuid_stays_itself(value: UUID) -> None:
    """Normalising is idempotent, for UUIDs of every version."""
    assert normalize_message_id(str(value)) == (str(value) if value.int else None)


def test_new_ids_are_canonical_and_differ() -> None:
    """A new id is a canonical UUID, and the next one is another."""
    first, second = new_message_id(), new_message_id()

    assert normalize_message_id(first) == first
    assert first != second


def test_a_message_gets_its_id_once() -> None:
    """Each message has an id of its own that stays the same for as long as the object lives."""
    one, other = Message(body=b""), Message(body=b"")

    assert one.message_id == one.message_id != other.message_id


def test_a_delivery_shows_its_message() -> None:
    """A delivery answers for body, id, exchange, routing key and headers of its message."""
    message = Message(body=b"b", exchange="e", routing_key="k", message_id="i", headers={"h": 1})
    delivery = Delivery(message=message, queue="q", delivery_tag=1, redelivered=False)

    shown = (delivery.body, delivery.exchange, delivery.routing_key, delivery.message_id, delivery.headers)
    assert shown == (b"b", "e", "k", "i", {"h": 1})


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"message_id": None},
        {"body": b"\x00\xff" * 1000},
        {"priority": 0},
        {"priority": 255},
        {"timestamp": 0},
        {"timestamp": 2**64 - 1},
        {"expiration": "0"},
        {"expiration": "86400000"},
        *({name: "ä" * 127 + "b"} for name in SHORT_STRINGS if name != "expiration"),
        *({name: "\udcff" * 255} for name in SHORT_STRINGS if name != "expiration"),
        *(
            {"headers": {"name": value}}
            for value in [
                True,
                2**63 - 1,
                -(2**63),
                "x" * 100_000,
                b"\xff",
                None,
                1.5,
                -1.7976931348623157e308,
                FarTimestamp(2**64 - 1),
                Decimal("1.50"),
                Decimal(2**31 - 1),
                Decimal(-(2**31)),
                Decimal("0.0000000001"),
                Decimal("1E-255"),
                Decimal("-0"),
                Decimal("1.50000000000000000000"),
                datetime(1970, 1, 1, tzinfo=UTC),
                datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
                [1, "two", [None]],
                {"": {"inner": [{"deep": b""}]}},
            ]
        ),
        {"headers": {"n" * 255: 1}},
    ],
)
def test_what_amqp_carries_passes(fields: dict[str, Any]) -> None:
    """Every field passes up to and including its limits."""
    check_message(Message(**{"body": b"", **fields}))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"body": "text"}, "the body must be bytes, not str"),
        ({"body": bytearray()}, "the body must be bytes, not bytearray"),
        ({"body": None}, "the body must be bytes, not NoneType"),
        *(({name: 4711}, f"{name} must be text, not int") for name in SHORT_STRINGS),
        *(({name: b"raw"}, f"{name} must be text, not bytes") for name in SHORT_STRINGS),
        *(({name: "ä" * 128}, f"{name} is longer than AMQP's 255 bytes") for name in SHORT_STRINGS),
        *(({name: "\ud800"}, f"{name} is not valid Unicode text") for name in SHORT_STRINGS),
        *(({"priority": value}, "priority must be") for value in (-1, 256, True, "5", 1.0)),
        *(({"timestamp": value}, "timestamp must be") for value in (-1, 2**64, True, "now", 1.5)),
        *(
            ({"expiration": value}, "expiration must be a number of milliseconds")
            for value in ("", "-1", "1.5", "1000ms", " 1", "١", "1" * 19)
        ),
        ({"headers": {"h": 2**63}}, "header 'h' does not fit AMQP's 64-bit integers"),
        ({"headers": {"h": -(2**63) - 1}}, "header 'h' does not fit AMQP's 64-bit integers"),
        ({"headers": {"h": float("nan")}}, "header 'h' is nan, which is no number to the broker"),
        ({"headers": {"h": float("-inf")}}, "header 'h' is -inf"),
        ({"headers": {"h": FarTimestamp(2**64)}}, "header 'h' does not fit AMQP's 64-bit timestamps"),
        *(
            ({"headers": {"h": Decimal(value)}}, "header 'h' does not fit AMQP's decimals")
            for value in [
                "NaN",
                "Infinity",
                "2147483648",
                "-2147483649",
                "1.1234567891234",
                "1E+10",
                "1E+999999999",
                "1E-256",
                "1E-9999999",
                "1." + "0" * 40 + "1",
            ]
        ),
        ({"headers": {"h": datetime(1969, 12, 31, tzinfo=UTC)}}, "header 'h' is before 1970"),
        ({"headers": {"h": datetime(1970, 1, 1, tzinfo=timezone(timedelta(hours=1)))}}, "'h' is before 1970"),
        ({"headers": {"h": "\ud800"}}, "header 'h' is not valid Unicode text"),
        ({"headers": {"h": {1, 2}}}, "header 'h' has a type that AMQP does not carry: set"),
        ({"headers": {"h": (1, 2)}}, "header 'h' has a type that AMQP does not carry: tuple"),
        ({"headers": {"h": [1, 2**63]}}, "header 'h' does not fit"),
        ({"headers": {"h": {"k": 2**63}}}, "header 'h', key 'k' does not fit"),
        ({"headers": {"h": {"k": {"l": 2**63}}}}, "header 'h', key 'k', key 'l' does not fit"),
        ({"headers": {"n" * 256: 1}}, "the name of header 'nnn"),
        ({"headers": {"ä" * 128: 1}}, "is longer than AMQP's 255 bytes"),
        ({"headers": {4711: 1}}, "the name of header 4711 must be text, not int"),
        ({"headers": {"h": {4711: 1}}}, "the name of header 'h', key 4711 must be text, not int"),
        ({"headers": [("h", 1)]}, "the headers must be a mapping, not list"),
        ({"headers": {"h": nested(MAX_DEPTH)}}, "the headers are nested too deeply: more than 256 levels"),
        ({"headers": {"h": nested(100_000)}}, "the headers are nested too deeply"),
    ],
)
def test_what_amqp_cannot_carry_is_named(fields: dict[str, Any], words: str) -> None:
    """A value that AMQP has no room for is refused before it is sent, and the error names its field."""
    message = Message(**{"body": b"", **fields})

    with pytest.raises(InputError) as caught:
        check_message(message)

    assert words in str(caught.value)


@pytest.mark.parametrize("kind", [list, dict])
def test_headers_may_be_nested_up_to_the_bound(kind: type) -> None:
    """The bound counts the table of the headers, too."""
    value: Any = kind()
    for _ in range(MAX_DEPTH - 2):
        value = [value] if kind is list else {"k": value}

    check_message(Message(body=b"", headers={"h": value}))
