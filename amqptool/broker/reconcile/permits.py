"""What declaring may do beside creating what is missing and setting policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amqptool.topology.diff import Ownership


@dataclass(frozen=True, slots=True, kw_only=True)
class Permits:
    """What the user allowed; by default, nothing that is there is deleted."""

    create_vhosts: bool = False
    #: Delete and declare anew what differs and cannot be changed.
    replace: bool = False
    #: Delete what the file owns and does not have.
    prune: Ownership | None = None
    #: Delete or replace queues whatever they hold and whoever consumes from them.
    delete_messages: bool = False
