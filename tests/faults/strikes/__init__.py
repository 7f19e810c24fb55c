"""Each kind of fault: how it comes over a world, and how it is healed, which leaves the world as it was.

============  ==========================================================
interface     what a fault is
broker        the nodes, and what their operator does
queues        the queues
network       what is between the broker and its clients
processes     workers and the publisher
stores        the dedup store
bring         a strike from its beginning until all work again
============  ==========================================================

A new kind of fault is a name in `tests.faults.schedule`, and a function in the file of its subject.
"""

from __future__ import annotations

from tests.faults.schedule import Kind
from tests.faults.strikes import broker, network, processes, queues, stores
from tests.faults.strikes.interface import Fault

FAULTS: dict[Kind, Fault] = {
    **broker.FAULTS,
    **queues.FAULTS,
    **network.FAULTS,
    **processes.FAULTS,
    **stores.FAULTS,
}
