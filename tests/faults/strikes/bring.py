"""A strike, from its beginning until all work again."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from tests.faults.node_log import listeners_in
from tests.faults.schedule import Kind, Strike
from tests.faults.strikes import FAULTS
from tests.faults.strikes.interface import NobodyThereError
from tests.faults.world import World

#: Seconds after which a worker that has no effect is not waited for any more.
_LONGEST_RECOVERY = 60.0
#: What takes the listener of a node away: it is back before the node says that it has started.
_ENDS_OF_NODES = (Kind.KILL_BROKER, Kind.KILL_LEADER, Kind.RESTART_BROKER)


@dataclass(frozen=True, slots=True)
class Struck:
    """What came of a strike."""

    kind: Kind
    #: Whether there was somebody to hit.
    has_hit: bool
    #: When it was there, in seconds since the epoch.
    at: float = 0.0
    #: Seconds that it was there.
    lasted: float = 0.0
    #: Seconds from the healing, or from when the node listens again, to the next effect of each worker.
    recoveries: list[float] = field(default_factory=list)
    #: How many workers had none before the publisher had ended: perhaps there was nothing to do for them.
    idle: int = 0


def bring(world: World, strike: Strike) -> list[Struck]:
    """Bring a fault over a world, heal it when its time is over, and wait until each worker has an effect again.

    Another one may come and be over while it lasts.
    """
    struck, *inner = bring_alone(world, strike)
    if not struck.has_hit:
        return [struck, *inner]
    healed = _healed(world, struck)
    recoveries, idle = _recoveries(world, healed)
    return [replace(struck, recoveries=recoveries, idle=idle), *inner]


def bring_alone(world: World, strike: Strike) -> list[Struck]:
    """Bring a fault over a world and heal it, without waiting for anybody; the one in it comes also without it."""
    inner: list[Struck] = []
    try:
        with FAULTS[strike.kind](world, strike.whom):
            at, begun = time.time(), time.monotonic()
            time.sleep(strike.seconds / 2)
            inner = _inner(world, strike)
            time.sleep(strike.seconds / 2)
            lasted = time.monotonic() - begun
    except NobodyThereError:
        return [Struck(strike.kind, has_hit=False), *_inner(world, strike)]
    return [Struck(strike.kind, True, at, lasted), *inner]


def _inner(world: World, strike: Strike) -> list[Struck]:
    return [] if strike.inner is None else bring_alone(world, strike.inner)


def _healed(world: World, struck: Struck) -> float:
    """Return since when all could work again, on the clock of effects."""
    now = time.monotonic()
    if struck.kind not in _ENDS_OF_NODES:
        return now
    logs = [site.node.directory / "log" / "node.log" for site in world.sites]
    return now - (time.time() - max(at for log in logs for at in listeners_in(log)))


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
