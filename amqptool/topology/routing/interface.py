"""What routing looks at, and what the index of an exchange's bindings can be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amqptool.message import FieldValue
    from amqptool.topology.model import Binding

#: So many bindings, keys or branches are looked at for near misses, however many there are.
MAX_CANDIDATES = 1000
#: So many near misses are named for each exchange.
NEAREST = 3


@dataclass(frozen=True, slots=True)
class Address:
    """What a message is routed by."""

    #: The routing key, then those of the headers CC and BCC; each once.
    keys: tuple[str, ...]
    #: Without BCC, which the broker takes out before it routes.
    headers: Mapping[str, FieldValue]


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A binding that nearly matched."""

    binding: Binding
    #: What is different, in words.
    reason: str
    #: How different it is; 0 would be a match.
    distance: float


class Index(Protocol):
    """The bindings of one exchange, so arranged that the matching ones are found quickly."""

    def matching(self, address: Address) -> Sequence[Binding]:
        """Return the bindings that match, each once."""
        ...

    def near(self, address: Address) -> Sequence[NearMiss]:
        """Return bindings that do not match but nearly do, in no order."""
        ...
