"""What a topology says of messages: which JSON Schema the bodies on an exchange and a routing key must fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from amqptool.topology.model import NOWHERE, Place

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The way into a value: keys of mappings and indexes of lists.
Path: TypeAlias = "tuple[str | int, ...]"
#: Where a value and all that is in it stand.
Places: TypeAlias = "Mapping[Path, Place]"

#: The pattern that every routing key matches.
ANY_KEY = "#"


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedMessage:
    """What is published to an exchange with certain routing keys, and the schema of its body."""

    #: "" is the default exchange, whose keys are names of queues.
    exchange: str
    #: A pattern, as topic exchanges have them, whatever the exchange's type is.
    routing_key: str = ANY_KEY
    name: str | None = None
    #: None: any that can be checked.
    content_type: str | None = None
    description: str | None = None
    #: A JSON Schema or, as a text, the path of a file with one, relative to the directory of the topology file.
    schema: Any = field(default=True, hash=False)
    #: None: the vhost of the connection.
    vhost: str | None = None
    place: Place = field(default=NOWHERE, compare=False, repr=False)
    #: Where the schema stands, or its path.
    schema_places: Places = field(default_factory=dict, compare=False, repr=False)

    def __str__(self) -> str:
        if self.name is not None:
            return f"message {self.name}"
        return f"message to {self.exchange or 'the default exchange'} with key {self.routing_key}"

    def place_of(self, path: Path) -> Place:
        """Return where a part of the schema stands, or the nearest thing around it."""
        return nearest_place(self.schema_places, path, self.place)


def nearest_place(places: Places, path: Path, default: Place) -> Place:
    """Return where a part of a value stands, or the nearest thing around it."""
    return next((places[path[:end]] for end in range(len(path), -1, -1) if path[:end] in places), default)
