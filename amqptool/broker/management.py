"""The management HTTP API, as far as it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amqptool.broker.management_session import ManagementSession

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amqptool.topology.model import DestinationType

_EXCHANGE = ("name", "vhost", "type", "durable", "auto_delete", "internal", "arguments")
_BINDING = ("vhost", "source", "destination", "destination_type", "routing_key", "arguments")


class Management(ManagementSession):
    """A session with one broker's management API; `async with` opens and closes it."""

    async def overview(self) -> dict[str, Any]:
        """Return the broker's name, versions and totals."""
        overview: dict[str, Any] = await self._request("read the overview", "GET", "overview")
        return overview

    async def cluster_name(self) -> str:
        """Return the cluster's name, the same on all its nodes."""
        doing = "read the cluster's name"
        answer = await self._request(doing, "GET", "cluster-name")
        if not isinstance(answer, dict) or not isinstance(answer.get("name"), str):
            raise self.foreign(doing)
        return str(answer["name"])

    async def create_vhost(self, name: str, *, default_queue_type: str | None = None) -> None:
        """Create a vhost, unless it exists, and give our user all permissions in it."""
        settings = {} if default_queue_type is None else {"default_queue_type": default_queue_type}
        await self._request(f"create vhost {name!r}", "PUT", "vhosts", name, json=settings, tag="administrator")
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        doing = f"give {self._username!r} permissions in vhost {name!r}"
        await self._request(doing, "PUT", "permissions", name, self._username, json=everything)

    async def delete_vhost(self, name: str) -> None:
        """Delete a vhost with all that is in it; its connections are closed."""
        await self._request(f"delete vhost {name!r}", "DELETE", "vhosts", name)

    async def vhosts(self) -> list[dict[str, Any]]:
        """Return the vhosts that our user may see."""
        return await self._list("list the vhosts", "vhosts", columns=("name", "default_queue_type"))

    async def exchanges(self, vhost: str) -> list[dict[str, Any]]:
        """Return the exchanges of a vhost, the predeclared ones included."""
        return await self._list(f"list the exchanges of vhost {vhost!r}", "exchanges", vhost, columns=_EXCHANGE)

    async def queues(self, vhost: str) -> list[dict[str, Any]]:
        """Return the queues of a vhost, without statistics but for their message counts."""
        query = {"disable_stats": "true", "enable_queue_totals": "true"}
        return await self._list(f"list the queues of vhost {vhost!r}", "queues", vhost, query=query)

    async def queue_rates(self, vhost: str) -> list[dict[str, Any]]:
        """Return the queues of a vhost with their message counts and, as far as there are any, `message_stats`."""
        query = {"columns": "name,messages_ready,messages_unacknowledged,message_stats"}
        return await self._list(f"read the rates of the queues of vhost {vhost!r}", "queues", vhost, query=query)

    async def queue(self, vhost: str, name: str) -> dict[str, Any]:
        """Return one queue with its statistics, which lag by up to ten seconds.

        Raises:
            ManagementError: it does not exist (404).
        """
        queue: dict[str, Any] = await self._request(f"read queue {name!r}", "GET", "queues", vhost, name)
        return queue

    async def bindings(self, vhost: str) -> list[dict[str, Any]]:
        """Return the bindings of a vhost, those of the default exchange included."""
        return await self._list(f"list the bindings of vhost {vhost!r}", "bindings", vhost, columns=_BINDING)

    async def bindings_of(self, vhost: str, kind: DestinationType, name: str) -> list[dict[str, Any]]:
        """Return the bindings from and to one exchange, or to one queue, that of the default exchange included."""
        doing = f"list the bindings of {kind} {name!r} of vhost {vhost!r}"
        if kind == "queue":
            return await self._list(doing, "queues", vhost, name, "bindings")
        ends = [await self._list(doing, "exchanges", vhost, name, "bindings", end) for end in ("source", "destination")]
        return [*ends[0], *ends[1]]

    async def bindings_between(
        self, vhost: str, source: str, kind: DestinationType, destination: str
    ) -> list[dict[str, Any]]:
        """Return the bindings from an exchange to one destination, each with the `properties_key` that is its name."""
        doing = f"list the bindings of {kind} {destination!r} to {source!r} of vhost {vhost!r}"
        return await self._list(doing, "bindings", vhost, "e", source, kind[0], destination)

    async def delete_binding(
        self, vhost: str, source: str, kind: DestinationType, destination: str, properties_key: str
    ) -> None:
        """Delete a binding.

        Raises:
            ManagementError: it does not exist (404).
        """
        doing = f"delete a binding of {kind} {destination!r} to {source!r} of vhost {vhost!r}"
        path = ("bindings", vhost, "e", source, kind[0], destination, properties_key)
        await self._request(doing, "DELETE", *path)

    async def policies(self, vhost: str) -> list[dict[str, Any]]:
        """Return the policies of a vhost."""
        return await self._list(f"list the policies of vhost {vhost!r}", "policies", vhost)

    async def operator_policies(self, vhost: str) -> list[dict[str, Any]]:
        """Return the policies with which operators overrule those of users."""
        return await self._list(f"list the operator policies of vhost {vhost!r}", "operator-policies", vhost)

    async def delete_policy(self, vhost: str, name: str) -> None:
        """Delete a policy.

        Raises:
            ManagementError: it does not exist (404).
        """
        await self._request(
            f"delete policy {name!r} of vhost {vhost!r}", "DELETE", "policies", vhost, name, tag="policymaker"
        )

    async def close_connections(self, vhost: str) -> int:
        """Close every AMQP connection to a vhost that the API knows of; return how many."""
        doing = f"close the connections of vhost {vhost!r}"
        connections = await self._request(doing, "GET", "vhosts", vhost, "connections")
        for connection in connections:
            await self._request(doing, "DELETE", "connections", connection["name"])
        return len(connections)

    async def put_policy(
        self, vhost: str, name: str, *, pattern: str, definition: Mapping[str, Any], apply_to: str, priority: int
    ) -> None:
        """Create a policy, or replace it."""
        policy = {"pattern": pattern, "definition": dict(definition), "apply-to": apply_to, "priority": priority}
        await self._request(
            f"set policy {name!r} of vhost {vhost!r}", "PUT", "policies", vhost, name, json=policy, tag="policymaker"
        )
