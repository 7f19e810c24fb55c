"""Faults between the broker and its clients: of one node, if there are several."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.faults.proxy import CALM, Conditions, FaultProxy
from tests.faults.schedule import MOST_TARGETS, Kind
from tests.faults.strikes.interface import Fault, HasBitten, NobodyThereError
from tests.faults.world import World

#: Seconds that a piece of data may take longer, the bytes a second that pass at least, and those before a cut at most.
_LATENCY, _BANDWIDTH, _CUT = 0.2, 50_000, 4_000
_BLACK_HOLES = ({"there"}, {"back"}, {"there", "back"})


def _proxy(world: World, whom: int) -> FaultProxy:
    """Return one of the proxies that somebody is connected through."""
    used = [site.proxy for site in world.sites if site.proxy.connections]
    if not used:
        raise NobodyThereError
    return used[whom % len(used)]


def _bites_of(proxy: FaultProxy) -> HasBitten:
    before = proxy.bites
    return lambda: proxy.bites > before


@contextmanager
def _reset(world: World, whom: int) -> Iterator[HasBitten]:
    proxy = _proxy(world, whom)
    has_bitten = _bites_of(proxy)
    proxy.reset()
    yield has_bitten


@contextmanager
def _refuse(world: World, whom: int) -> Iterator[HasBitten]:
    proxy = _proxy(world, whom)
    has_bitten = _bites_of(proxy)
    proxy.refuse()
    proxy.reset()
    try:
        yield has_bitten
    finally:
        proxy.accept()


@contextmanager
def _under(world: World, whom: int, *, there: Conditions = CALM, back: Conditions = CALM) -> Iterator[HasBitten]:
    proxy = _proxy(world, whom)
    has_bitten = _bites_of(proxy)
    proxy.condition(there=there, back=back)
    try:
        yield has_bitten
    finally:
        proxy.condition(there=CALM, back=CALM)


def _black_hole(world: World, whom: int) -> AbstractContextManager[HasBitten]:
    ways = _BLACK_HOLES[whom // len(world.sites) % len(_BLACK_HOLES)]
    return _under(world, whom, **{way: Conditions(is_black_hole=True) for way in ways})


def _latency(world: World, whom: int) -> AbstractContextManager[HasBitten]:
    slow = Conditions(latency=_LATENCY * (whom + 1) / MOST_TARGETS)
    return _under(world, whom, there=slow, back=slow)


def _bandwidth(world: World, whom: int) -> AbstractContextManager[HasBitten]:
    narrow = Conditions(bytes_per_second=_BANDWIDTH * (1 + whom / MOST_TARGETS))
    return _under(world, whom, there=narrow, back=narrow)


def _cut(world: World, whom: int) -> AbstractContextManager[HasBitten]:
    way = ("there", "back")[whom % 2]
    return _under(world, whom, **{way: Conditions(cut_after=1 + _CUT * whom // MOST_TARGETS)})


FAULTS: dict[Kind, Fault] = {
    Kind.RESET: _reset,
    Kind.REFUSE: _refuse,
    Kind.BLACK_HOLE: _black_hole,
    Kind.LATENCY: _latency,
    Kind.BANDWIDTH: _bandwidth,
    Kind.CUT: _cut,
}
