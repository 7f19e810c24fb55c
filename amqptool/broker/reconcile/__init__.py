"""Making a broker match a topology: seeing what differs, and changing that.

============  ================================================================
planning      what differs, over the management API, which alone tells all
reconciling   look, compare and change; one at a time where that deletes
applying      carry out a plan, change by change
replacing     delete and declare anew, with all bindings
standins      what keeps the bindings meanwhile
lock          one amqptool at a time
declaring     declare everything over AMQP alone
looking       what AMQP alone tells of what is there
checking      a plan as a verdict on each object
calls         objects as calls on a channel
outcome       what became of each object
permits       what may be done
============  ================================================================
"""

from amqptool.broker.reconcile.checking import check
from amqptool.broker.reconcile.declaring import declare
from amqptool.broker.reconcile.looking import look
from amqptool.broker.reconcile.outcome import Conflict, Declared, Outcome
from amqptool.broker.reconcile.permits import Permits
from amqptool.broker.reconcile.planning import make_plan
from amqptool.broker.reconcile.reconciling import reconcile

__all__ = ["Conflict", "Declared", "Outcome", "Permits", "check", "declare", "look", "make_plan", "reconcile"]
