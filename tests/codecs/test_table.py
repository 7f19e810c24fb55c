"""Which codec a content type means."""

from __future__ import annotations

import pickle

import pytest

from amqptool import Delivery, Message
from amqptool.codecs.interface import ContentType


@pytest.mark.parametrize(
    ("content_type", "value"),
    [
        ("application/json", {}),
        ("Application/JSON; charset=utf-8", {}),
        ("application/vnd.api+json", {}),
        ("text/plain", "{}"),
        ("application/octet-stream", b"{}"),
        ("application/xml", b"{}"),
        ("application/x-python-serialize", b"{}"),
        ("application/yaml", b"{}"),
        ("; charset=utf-8", b"{}"),
        ("", b"{}"),
        (None, b"{}"),
    ],
)
def test_a_content_type_means_a_codec(content_type: str | None, value: object) -> None:
    """What is not in the table is bytes."""
    assert Message(body=b"{}", content_type=content_type).decode() == value


class Bomb:
    """Something that a pickle would run."""

    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("raise SystemExit('executed')",)


@pytest.mark.parametrize("content_type", ["application/x-python-serialize", "application/pickle", "application/x-yaml"])
def test_nothing_in_a_body_is_executed(content_type: str) -> None:
    """Pickles and YAML, as celery may send them, stay bytes."""
    body = pickle.dumps(Bomb())

    assert Message(body=body, content_type=content_type).decode() == body


@pytest.mark.parametrize(
    ("text", "name", "parameters"),
    [
        ("text/plain", "text/plain", {}),
        (" Text/Plain ;Charset=UTF-8;format=flowed", "text/plain", {"charset": "UTF-8", "format": "flowed"}),
        ('a/b; charset="x;y=z"; q', "a/b", {"charset": "x;y=z"}),
        ("a/b;;;=", "a/b", {}),
    ],
)
def test_a_content_type_has_parameters(text: str, name: str, parameters: dict[str, str]) -> None:
    """Names are in lower case, values as they stand, without their quotes."""
    assert ContentType.parse(text) == ContentType(name, parameters)


def test_a_message_is_made_of_a_value() -> None:
    """JSON is the default, and the other fields are those of any message."""
    message = Message.encode({"a": 1}, exchange="e", routing_key="k", headers={"h": 1})

    assert message.body == b'{"a":1}'
    assert (message.content_type, message.content_encoding) == ("application/json", None)
    assert (message.exchange, message.routing_key, message.headers) == ("e", "k", {"h": 1})
    assert message.message_id is not None


def test_the_publishers_own_content_type_is_kept() -> None:
    """Also where it is another name of the same codec."""
    assert Message.encode({}, content_type="application/vnd.api+json").content_type == "application/vnd.api+json"


def test_a_delivery_is_decoded_like_its_message() -> None:
    """What a handler gets decodes in one call."""
    message = Message.encode({"a": ["x" * 2000]}, compress="auto")
    delivery = Delivery(message=message, queue="q", delivery_tag=1, redelivered=False)

    assert message.content_encoding == "gzip"
    assert delivery.decode() == {"a": ["x" * 2000]}
