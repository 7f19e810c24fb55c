"""Exporting what a broker holds: a topology that a file can hold, in an order that stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amqptool.broker.actual import read_actual
from amqptool.errors import AccessRefused
from amqptool.topology.dump import tidy
from amqptool.topology.dump.definitions import definitions
from amqptool.topology.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.broker.management import Management
    from amqptool.topology.model import Topology

#: So many vhosts are named to who asked for one that does not exist.
_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What some vhosts hold; each object names its vhost."""

    vhosts: tuple[str, ...]
    #: Whether these are all vhosts, now or at another time.
    of_all_vhosts: bool
    topology: Topology
    #: In words, what is there but cannot be declared.
    left_out: tuple[str, ...]

    def to_yaml(self) -> str:
        """Return a file for people; what was exported as one vhost can be declared in any."""
        if len(self.vhosts) == 1 and not self.of_all_vhosts:
            return tidy.of_no_vhost(self.topology).to_yaml()
        return tidy.telling_vhosts(self.topology).to_yaml()

    def definitions(self) -> dict[str, Any]:
        """Return the content of a definitions.json, which names all vhosts."""
        return definitions(self.topology)

    def to_definitions(self) -> str:
        """Return a definitions.json, which names all vhosts."""
        return self.topology.to_definitions()


async def export(management: Management, vhosts: Sequence[str] | None) -> Export:
    """Read what some vhosts hold, or (None) all that the user may see.

    Raises:
        AccessRefused: the user may see no such vhost, or may not use the management API.
        ManagementUnavailable: the management API cannot be reached.
    """
    known = [vhost["name"] for vhost in await management.vhosts()]
    wanted = sorted(known if vhosts is None else set(vhosts))
    for vhost in wanted:
        if vhost not in known:
            raise _no_such_vhost(vhost, known)
    topology, left_out = tidy.declarable(await read_actual(management, wanted))
    return Export(
        vhosts=tuple(wanted),
        of_all_vhosts=vhosts is None,
        topology=tidy.arranged(tidy.with_types(topology)),
        left_out=tuple(left_out),
    )


def _no_such_vhost(vhost: str, known: Sequence[str]) -> AccessRefused:
    shown = [*map(quoted, sorted(known)[:_SHOWN]), *(["…"] if len(known) > _SHOWN else [])]
    return AccessRefused(f"there is no vhost {quoted(vhost)}, or the user may not see it; there are {', '.join(shown)}")
