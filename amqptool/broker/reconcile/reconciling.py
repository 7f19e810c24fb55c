"""Making a broker match a topology: look, compare, change what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.broker.actual import read_actual
from amqptool.broker.reconcile.applying import apply
from amqptool.broker.reconcile.lock import alone
from amqptool.broker.reconcile.permits import Permits
from amqptool.broker.reconcile.standins import PREFIX
from amqptool.topology.diff import Action, diff
from amqptool.topology.diff.identity import vhosts_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.broker.management import Management
    from amqptool.broker.reconcile.outcome import Declared
    from amqptool.settings.url import AmqpUrl
    from amqptool.topology.diff import Plan
    from amqptool.topology.model import Topology


def _accept(_plan: Plan) -> None:
    """Do whatever is planned."""


async def reconcile(
    url: AmqpUrl,
    management: Management,
    topology: Topology,
    permits: Permits | None = None,
    *,
    approve: Callable[[Plan], object] = _accept,
) -> list[Declared]:
    """Change what differs between a topology and a broker; return one outcome for each object.

    Objects without a vhost of their own belong to the URL's. `approve` is shown what is about to be done, and
    may raise. What deletes or replaces is done by one amqptool at a time, as planned when its turn has come.

    Raises:
        BrokerUnavailable: the broker or its management API could not be reached in the first place.
        AccessRefused: the user may not use the management API.
        InUse: another amqptool was deleting or replacing for too long.
    """
    permits = permits or Permits()
    vhosts = vhosts_of(topology, url.vhost)

    async def look() -> tuple[Plan, Topology]:
        actual = await read_actual(management, vhosts)
        plan = diff(topology, actual, vhost=url.vhost, prune=permits.prune)
        approve(plan)
        return plan, actual

    plan, actual = await look()
    risky = _vhosts_at_risk(plan, actual, permits)
    if not risky:
        return await apply(url, management, topology, plan, actual, permits)
    async with alone(url, risky):
        return await apply(url, management, topology, *await look(), permits)


def _vhosts_at_risk(plan: Plan, actual: Topology, permits: Permits) -> set[str]:
    """Return the vhosts where something is to be deleted or replaced, or was being replaced a moment ago."""
    actions = {Action.DELETE} | ({Action.REPLACE} if permits.replace else set())
    replaced = {each.vhost or "" for each in actual.exchanges if each.name.startswith(PREFIX)}
    return {change.vhost for change in plan.changes if change.action in actions} | replaced
