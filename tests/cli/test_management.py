"""The management API at an address that nobody gave."""

from __future__ import annotations

import asyncio
import socket

from amqptool.broker.management import Management
from amqptool.cli.management import _unusable
from amqptool.errors import BrokerUnavailable


def test_an_address_that_does_not_answer_costs_little() -> None:
    """Something that takes the connection and stays silent is given up in the time that a guess is worth."""

    async def main(address: str) -> object:
        async with Management(address, username="guest", password="guest") as management:
            return await _unusable(management, address, 0.2)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        reason = asyncio.run(main(address))
    assert isinstance(reason, BrokerUnavailable)
    assert str(reason) == f"no management API at {address}: no answer within 0.2 seconds"
