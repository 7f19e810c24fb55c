"""A vhost of the suite's broker, and what a user at a terminal does to it."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from uuid import uuid4

from amqptool import AmqpUrl, Topology, declare
from amqptool.broker.actual import read_actual
from amqptool.broker.local import Endpoint
from amqptool.broker.management import Management
from tests.support.cli import run_cli


@dataclass(frozen=True, slots=True)
class VhostUnderTest:
    """One vhost, with the management API at hand."""

    node: Endpoint
    url: AmqpUrl

    @property
    def env(self) -> dict[str, str]:
        """What leads the command line here."""
        return {"AMQPTOOL_URL": self.url.reveal(), "AMQPTOOL_MANAGEMENT_URL": self.node.management_url}

    def run(
        self, *words: str, text: str | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; `text` is its standard input."""
        return run_cli(*words, input=text, env={**self.env, **(env or {})})

    def holds(self, text: str) -> None:
        """Declare a topology over AMQP."""
        outcomes = asyncio.run(declare(self.url, Topology.parse(text)))
        assert [each.error for each in outcomes if each.error] == []

    def has_policy(self, name: str, pattern: str, **definition: object) -> None:
        """Set a policy."""

        async def main() -> None:
            async with Management.at(self.node.management_url, self.node.url) as management:
                await management.put_policy(
                    self.url.vhost, name, pattern=pattern, definition=definition, apply_to="all", priority=0
                )

        asyncio.run(main())

    def is_bound(self, source: str, queue: str, **arguments: object) -> None:
        """Bind a queue over the management API, which gives integers 64 bits."""

        async def main() -> None:
            async with Management.at(self.node.management_url, self.node.url) as management:
                path = ("bindings", self.url.vhost, "e", source, "q", queue)
                await management._request("bind", "POST", *path, json={"arguments": arguments})

        asyncio.run(main())

    def actual(self) -> Topology:
        """Return what is there."""

        async def main() -> Topology:
            async with Management.at(self.node.management_url, self.node.url) as management:
                return await read_actual(management, [self.url.vhost])

        return asyncio.run(main())

    def names(self) -> set[str]:
        """Return what is there, each object in words."""
        found = self.actual()
        return {str(each) for each in (*found.exchanges, *found.queues, *found.bindings, *found.policies)}


@contextmanager
def limited_user(node: Endpoint, url: AmqpUrl, *, configure: str, write: str, read: str) -> Iterator[AmqpUrl]:
    """Create a user who may touch what these regular expressions match, and give its URL."""
    name = f"limited-{uuid4().hex[:8]}"
    user = {"password": "secret", "tags": "management"}
    rights = {"configure": configure, "write": write, "read": read}

    async def create() -> None:
        async with Management.at(node.management_url, node.url) as management:
            await management._request("test", "PUT", "users", name, json=user)
            await management._request("test", "PUT", "permissions", url.vhost, name, json=rights)

    async def delete() -> None:
        async with Management.at(node.management_url, node.url) as management:
            await management._request("test", "DELETE", "users", name)

    asyncio.run(create())
    try:
        yield replace(url, username=name, password="secret")
    finally:
        asyncio.run(delete())
