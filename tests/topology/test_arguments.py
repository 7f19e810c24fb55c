"""The table of arguments is consistent with itself."""

from __future__ import annotations

import pytest

from amqptool.topology import arguments
from amqptool.topology.argument import QUEUE_TYPES, Argument

EVERY = [argument for scope in arguments.SCOPES for argument in arguments.of(scope)]


@pytest.mark.parametrize("argument", EVERY, ids=lambda argument: argument.name)
def test_line_of_the_table(argument: Argument) -> None:
    """Each line can be found, has a meaning in words, choices where it chooses, and known queue types."""
    assert arguments.find(argument.scope, argument.name) is argument
    assert argument.doc
    assert bool(argument.choices) == (argument.kind == "choice")
    assert set(argument.queue_types) <= set(QUEUE_TYPES)


@pytest.mark.parametrize("argument", EVERY, ids=lambda argument: argument.name)
def test_shorthand_is_no_property(argument: Argument) -> None:
    """No shorthand hides a key of the object itself."""
    assert argument.key not in {
        "name",
        "type",
        "durable",
        "auto_delete",
        "exclusive",
        "internal",
        "bindings",
        "vhost",
    }


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("x-mesage-ttl", "x-message-ttl"),
        ("message-ttl", "x-message-ttl"),
        ("x_message_ttl", "x-message-ttl"),
        ("x-dead-leter-exchange", "x-dead-letter-exchange"),
        ("max_length", "x-max-length"),
        ("x-shovel", None),
        ("x-custom", None),
        ("x-priority", None),
    ],
)
def test_near_misses(name: str, meant: str | None) -> None:
    """A name close to a known one is taken for a typing error, a distant one is not."""
    assert arguments.meant("queue", name, ()) == meant
