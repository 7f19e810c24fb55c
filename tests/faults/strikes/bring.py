"""A strike, from its beginning until all work again."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tests.faults.schedule import Kind, Strike
from tests.faults.strikes import FAULTS
from tests.faults.strikes.interface import NobodyThereError
from tests.faults.world import World

#: Seconds after which a worker that has no effect is not waited for any more.
_LONGEST_RECOVERY = 60.0


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
    #: Seconds from the healing to the next effect of each worker, if there was something to do.
    recoveries: list[float] = field(default_factory=list)


def bring(world: World, strike: Strike) -> list[Struck]:
    """Bring a fault over a world, heal it when its time is over, and wait until each worker has an effect again.

    Another one may come and be over while it lasts.
    """
    try:
        with FAULTS[strike.kind](world, strike.whom):
            at, begun = time.time(), time.monotonic()
            time.sleep(strike.seconds / 2)
            inner = [] if strike.inner is None else bring_alone(world, strike.inner)
            time.sleep(strike.seconds / 2)
            lasted = time.monotonic() - begun
    except NobodyThereError:
        return [Struck(strike.kind, has_hit=False)]
    return [Struck(strike.kind, True, at, lasted, _recoveries(world)), *inner]


def bring_alone(world: World, strike: Strike) -> list[Struck]:
    """Bring a fault over a world and heal it, without waiting for anybody."""
    try:
        with FAULTS[strike.kind](world, strike.whom):
            time.sleep(strike.seconds)
    except NobodyThereError:
        return [Struck(strike.kind, has_hit=False)]
    return [Struck(strike.kind, has_hit=True)]


def _recoveries(world: World) -> list[float]:
    healed = time.monotonic()
    names = {worker.name for worker in world.workers}
    world.until(
        lambda: (
            names <= world.first_effects(healed).keys()
            or world.publisher.is_done
            or time.monotonic() > healed + _LONGEST_RECOVERY
        )
    )
    first = world.first_effects(healed)
    missing = 0 if world.publisher.is_done else len(names - first.keys())
    return [*(at - healed for at in first.values()), *[_LONGEST_RECOVERY] * missing]
