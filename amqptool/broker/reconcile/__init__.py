"""Making a broker match a topology: seeing what differs, and changing that.

============  ================================================================
planning      what differs, over the management API, the only one that tells all
declaring     declare everything over AMQP, object by object
============  ================================================================
"""

from amqptool.broker.reconcile.declaring import Conflict, Declared, TopologyObject, declare
from amqptool.broker.reconcile.planning import make_plan

__all__ = ["Conflict", "Declared", "TopologyObject", "declare", "make_plan"]
