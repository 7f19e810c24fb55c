"""A strike, from its beginning until all work again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.faults.node_log import listeners_in
from tests.faults.schedule import Kind, Strike
from tests.faults.strikes import FAULTS
from tests.faults.strikes.interface import HasBitten, NobodyThereError
from tests.faults.world import World

#: Seconds after which a worker that has no effect is not waited for any more.
_LONGEST_RECOVERY = 60.0
#: What takes the listener of a node away: it is back before the node says that it has started.
_ENDS_OF_NODES = (Kind.KILL_BROKER, Kind.KILL_LEADER, Kind.RESTART_BROKER)
#: Seconds that a fault goes on beyond its time, if it has not bitten yet.
_PATIENCE = 10.0
_POLL = 0.1


@dataclass(frozen=True, slots=True)
class Struck:
    """What came of a strike."""

    kind: Kind
    #: Whether it has bitten: there was work, and somebody who has met with it.
    has_hit: bool
    #: When it was there, in seconds since the epoch.
    at: float = 0.0
    #: The same, by the clock of effects.
    begun: float = 0.0
    #: Seconds that it was there.
    lasted: float = 0.0
    #: Whether there was still something to publish.
    is_publishing: bool = False
    #: Seconds from the healing, or from when the node listens again, to the next effect of each worker.
    recoveries: list[float] = field(default_factory=list)
    #: How many workers had none before the publisher had ended: perhaps there was nothing to do for them.
    idle: int = 0


def bring(world: World, strike: Strike) -> list[Struck]:
    """Bring a fault over a world, heal it when its time is over, and wait until each worker has an effect again.

    Another one may come and be over while it lasts, or instead of it, if there is nobody whom it could hit.
    """
    inner: list[Struck] = []

    def bring_inner() -> None:
        if strike.inner is not None:
            inner.append(_bring(world, strike.inner))

    outer = _bring(world, strike, bring_inner)
    if not inner:
        bring_inner()
    recoveries, idle = _recoveries(world, _healed(world, outer)) if outer.at else ([], 0)
    return [replace(outer, recoveries=recoveries, idle=idle), *inner]


def _bring(world: World, strike: Strike, meanwhile: Callable[[], None] = lambda: None) -> Struck:
    """Bring a fault over a world and heal it, without waiting for anybody."""
    if not world.has_work():
        return Struck(strike.kind, has_hit=False)
    is_publishing = not world.publisher.is_done
    try:
        with FAULTS[strike.kind](world, strike.whom) as has_bitten:
            at, begun = time.time(), time.monotonic()
            time.sleep(strike.seconds / 2)
            meanwhile()
            time.sleep(strike.seconds / 2)
            has_hit = _wait_for(has_bitten)
            lasted = time.monotonic() - begun
            return Struck(strike.kind, has_hit, at, begun, lasted, is_publishing)
    except NobodyThereError:
        return Struck(strike.kind, has_hit=False)


def _wait_for(has_bitten: HasBitten) -> bool:
    """Return whether a fault has bitten, or has within some seconds; it may keep everything else from going on."""
    limit = time.monotonic() + _PATIENCE
    while not has_bitten() and time.monotonic() < limit:
        time.sleep(_POLL)
    return has_bitten()


def _healed(world: World, struck: Struck) -> float:
    """Return since when all could work again, on the clock of effects."""
    if struck.kind in _ENDS_OF_NODES:
        world.until(lambda: bool(_listening(world, struck.at)))  # it writes to its log with some delay
        return time.monotonic() - (time.time() - max(_listening(world, struck.at)))
    return time.monotonic()


def _listening(world: World, since: float) -> list[float]:
    """Return when nodes have begun to listen since then, as far as their logs tell by now."""
    logs = [site.node.directory / "log" / "node.log" for site in world.sites]
    return [at for log in logs for at in listeners_in(log) if at >= since]


def _recoveries(world: World, healed: float) -> tuple[list[float], int]:
    names = {worker.name for worker in world.workers}
    world.until(
        lambda: (
            names <= world.first_effects(healed).keys()
            or world.publisher.is_done
            or time.monotonic() > healed + _LONGEST_RECOVERY
        )
    )
    first = world.first_effects(healed)
    missing = len(names - first.keys())
    idle = missing if world.publisher.is_done else 0
    return [*(at - healed for at in first.values()), *[_LONGEST_RECOVERY] * (missing - idle)], idle
