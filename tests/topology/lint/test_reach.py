"""Where messages surely come to, and may come to, compared with what is exactly so."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings

from amqptool.errors import AmqptoolError
from amqptool.message import Message
from amqptool.topology import Topology
from amqptool.topology.lint.index import Index
from amqptool.topology.routing import Router
from tests.topology.routing.generate import cases


def exact(topology: Topology, message: Message) -> set[str]:
    # Dead letters get into internal exchanges, which publishers do not.
    exchanges = tuple(replace(exchange, internal=False) for exchange in topology.exchanges)
    headers = {name: value for name, value in message.headers.items() if name not in ("CC", "BCC")}
    try:
        router = Router(replace(topology, exchanges=exchanges))
        return set(router.route(message.exchange, message.routing_key, headers).queues)
    except AmqptoolError:
        return set()


@settings(deadline=None, max_examples=60)
@given(cases(size=5))
def test_certainty_is_certain_and_possibility_possible(case: tuple[Topology, list[Message]]) -> None:
    """A message is wherever it surely comes to, and nowhere if it may come to no queue."""
    topology, messages = case
    reach = Index(topology).reach
    for message in messages:
        queues = exact(topology, message)
        assert set(reach.sure(None, message.exchange, message.routing_key)) <= queues
        assert set(reach.sure(None, message.exchange, None)) <= queues
        if queues:
            assert reach.may(None, message.exchange, message.routing_key)
            assert reach.may(None, message.exchange, None)
