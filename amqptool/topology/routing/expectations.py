"""A file's own tests of its routing: what each expects, and what is true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amqptool.errors import AmqptoolError, Problem
from amqptool.topology.problems import quoted
from amqptool.topology.routing.router import Router

if TYPE_CHECKING:
    from amqptool.topology.model import RoutingTest, Topology

#: So many queues are named in a message.
_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTest:
    """A test that does not hold: where it stands, what it publishes and expects, and what is true."""

    test: RoutingTest
    #: The queues that the message reaches, sorted.
    actual: tuple[str, ...] = ()
    #: Why that cannot be told: no such exchange, an exchange that makes a choice, …
    reason: str | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """The queues that should get the message and do not."""
        return tuple(queue for queue in self.test.reaches if queue not in self.actual)

    @property
    def unexpected(self) -> tuple[str, ...]:
        """The queues that get the message and should not."""
        return tuple(queue for queue in self.actual if queue not in self.test.reaches)

    @property
    def problem(self) -> Problem:
        """The failure as a line of its file."""
        place = self.test.place
        message = f"a message to {_address(self.test)} {self._difference()}"
        return Problem(place.file, place.line, place.column, message, "routing-test")

    def _difference(self) -> str:
        if self.reason is not None:
            return f"cannot be routed: {self.reason}"
        flaws = [_listed(self.missing, "missing"), _listed(self.unexpected, "unexpected")]
        return f"reaches {_names(self.actual)}; {', '.join(filter(None, flaws))}"


def check_tests(topology: Topology) -> tuple[FailedTest, ...]:
    """Run a topology's tests and return those that fail, in their order."""
    routers: dict[str | None, Router] = {}
    failures = (_check(topology, test, routers) for test in topology.tests)
    return tuple(failure for failure in failures if failure is not None)


def _check(topology: Topology, test: RoutingTest, routers: dict[str | None, Router]) -> FailedTest | None:
    try:
        if test.vhost not in routers:
            routers[test.vhost] = Router(topology, test.vhost)
        routed = routers[test.vhost].route(test.exchange, test.routing_key, test.headers)
    except AmqptoolError as error:
        return FailedTest(test=test, reason=str(error))
    if routed.unknown:
        return FailedTest(test=test, actual=routed.queues, reason="; ".join(map(str, routed.unknown)))
    return None if set(routed.queues) == set(test.reaches) else FailedTest(test=test, actual=routed.queues)


def _address(test: RoutingTest) -> str:
    exchange = test.exchange or "the default exchange"
    headers = f" and headers {', '.join(test.headers)}" if test.headers else ""
    return f"{exchange} with key {quoted(test.routing_key)}{headers}"


def _listed(queues: tuple[str, ...], what: str) -> str:
    return f"{what}: {_names(queues)}" if queues else ""


def _names(queues: tuple[str, ...]) -> str:
    more = f", … ({len(queues) - _NAMED} more)" if len(queues) > _NAMED else ""
    return ", ".join(queues[:_NAMED]) + more if queues else "no queue"
