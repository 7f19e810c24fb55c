"""The document as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amqptool.errors import TopologyError
from amqptool.topology.asyncapi.channels import channels_of, written
from amqptool.topology.asyncapi.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.topology.asyncapi.components import Components
    from amqptool.topology.asyncapi.terms import Body
    from amqptool.topology.model import Topology

#: The release of AsyncAPI that the document is of.
VERSION = "3.0.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A broker, without what one logs in with."""

    #: With its port.
    host: str
    #: The vhost, as URLs have it.
    pathname: str
    tls: bool


def asyncapi(topology: Topology, *, title: str, version: str, servers: Sequence[Server] = ()) -> Body:
    """Return what may be sent to a topology's exchanges and received from its queues, as AsyncAPI has it.

    Raises:
        TopologyError: the schema of a message is invalid or cannot be read.
        ConfigError: there are schemas, and the library that reads them is not installed.
    """
    components = _components(topology)
    names = {} if components is None else dict(components.keys)
    document: Body = {
        "asyncapi": VERSION,
        "info": {"title": title, "version": version},
        "defaultContentType": "application/json",
    }
    if servers:
        document["servers"] = _servers(servers)
    document |= {"channels": {}, "operations": {}}
    for channel in channels_of(topology):
        body, operation = written(channel, names)
        document["channels"][channel.key] = body
        document["operations"][f"{channel.action}.{channel.key}"] = operation
    if components is not None:
        document["components"] = {"messages": components.messages, "schemas": components.schemas}
    return document


def _components(topology: Topology) -> Components | None:
    if not topology.messages:
        return None
    from amqptool.topology.asyncapi.components import components_of
    from amqptool.topology.bodies.flaws import load_schemas

    found, problems = load_schemas(topology)
    if problems:
        raise TopologyError(problems)
    return components_of(topology.messages, [each for each in found if each is not None])


def _servers(servers: Sequence[Server]) -> Body:
    keys = Keys()
    return {
        keys.new(server.host.rpartition(":")[0]): {
            "host": server.host,
            "protocol": "amqps" if server.tls else "amqp",
            "protocolVersion": "0-9-1",
            "pathname": server.pathname,
        }
        for server in servers
    }
