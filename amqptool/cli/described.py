"""`--validate FILE`: the topology file whose `messages` have schemas for bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from amqptool.cli.topologies import load_topology
from amqptool.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.cli.context import Context
    from amqptool.topology.bodies.checker import BodyChecker
    from amqptool.topology.model import Topology

    Function = TypeVar("Function", bound=Callable[..., Any])


def described_in(context: Context, file: str) -> Topology:
    """Read a topology file that describes messages.

    Raises:
        TopologyError: the file has problems.
        InputError: it describes none.
        OSError: it cannot be read.
    """
    topology = load_topology(context, [file], {})
    if not topology.messages:
        raise InputError(f"{file} describes no messages, so nothing would be checked: it has no 'messages:'")
    return topology


def checker_of(context: Context, file: str) -> BodyChecker:
    """Make what checks the bodies that go to the vhost of the connection.

    Raises:
        TopologyError: the file or one of its schemas has problems.
        InputError: it describes no messages.
        OSError: it cannot be read.
        ConfigError: the library that this takes is not installed.
    """
    from amqptool.topology.bodies.checker import BodyChecker

    return BodyChecker(described_in(context, file), context.resolve_url().value.vhost)
