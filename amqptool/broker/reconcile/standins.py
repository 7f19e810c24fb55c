"""Exchanges that keep the bindings of what is being replaced, so that no crash can lose them.

A stand-in is bound as the object was: one as the destination of its bindings, another as their source. Nobody can
publish to them. Whoever declares the file again finds them, and completes what was begun.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from amqptool.retry import fitting
from amqptool.topology.model import Binding, Exchange, Queue

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX = "amqptool.replace."

_Thing: TypeAlias = "Exchange | Queue"
_End = Literal["source", "destination"]


def stand_in(thing: _Thing, end: _End) -> Exchange:
    """Return the exchange that stands at one end of a thing's bindings."""
    kind = "queue" if isinstance(thing, Queue) else "exchange"
    name = fitting(f"{PREFIX}{end}.{kind}.{thing.name}", "")
    return Exchange(name=name, type="direct", internal=True, vhost=thing.vhost)


def stand_ins(thing: _Thing) -> tuple[Exchange, ...]:
    """Return all stand-ins of a thing: a queue is no source."""
    destination = stand_in(thing, "destination")
    return (destination,) if isinstance(thing, Queue) else (destination, stand_in(thing, "source"))


def kept(bindings: Iterable[Binding], thing: _Thing) -> list[Binding]:
    """Return a thing's bindings as its stand-ins have them."""
    return [_moved(binding, thing) for binding in bindings]


def restored(bindings: Iterable[Binding], thing: _Thing) -> list[Binding]:
    """Return a thing's bindings, from those of its stand-ins; the rest of `bindings` is left out."""
    destination, source = stand_in(thing, "destination").name, stand_in(thing, "source").name
    found: list[Binding] = []
    for binding in bindings:
        if binding.destination == destination and binding.destination_type == "exchange":
            kind: Literal["queue", "exchange"] = "queue" if isinstance(thing, Queue) else "exchange"
            binding = replace(binding, destination=thing.name, destination_type=kind)
        elif binding.source != source:
            continue
        found.append(replace(binding, source=thing.name) if binding.source == source else binding)
    return found


def _moved(binding: Binding, thing: _Thing) -> Binding:
    kind = "queue" if isinstance(thing, Queue) else "exchange"
    if (binding.destination_type, binding.destination) == (kind, thing.name):
        name = stand_in(thing, "destination").name
        binding = replace(binding, destination=name, destination_type="exchange")
    if isinstance(thing, Exchange) and binding.source == thing.name:
        binding = replace(binding, source=stand_in(thing, "source").name)
    return binding
