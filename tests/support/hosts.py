"""Hosts of their own, at addresses of this machine, with one broker behind all of them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from amqptool import AmqpUrl
from amqptool.broker.local import Endpoint
from tests.faults.proxy import FaultProxy, fault_proxy

#: Where a management API is looked for that nobody has named.
_MANAGEMENT_PORT = 15672


@dataclass(frozen=True, slots=True)
class Host:
    """One address, which can be there or not."""

    url: AmqpUrl
    proxies: Sequence[FaultProxy]

    def go_away(self) -> None:
        """Listen no more, and reset all connections."""
        for proxy in self.proxies:
            proxy.refuse()
            proxy.reset()

    def come_back(self) -> None:
        """Listen as before."""
        for proxy in self.proxies:
            proxy.accept()


@contextmanager
def host_of(node: Endpoint, url: AmqpUrl, *, has_management: bool) -> Iterator[Host]:
    """Give a host at which a broker can be reached, and its management API too or not."""
    address = ".".join(["127", *(str(random.randrange(1, 255)) for _ in range(3))])  # no other test listens there
    with ExitStack() as stack:
        proxies = [stack.enter_context(fault_proxy(url.port, address=address))]
        if has_management:
            target = urlsplit(node.management_url).port or 80
            proxies.append(stack.enter_context(fault_proxy(target, address=address, port=_MANAGEMENT_PORT)))
        yield Host(replace(url, host=address, port=proxies[0].port), proxies)
