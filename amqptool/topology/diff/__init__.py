"""What would make a broker match a topology, as a value: computed from what is desired and what is there.

============  ==========================================================
plan          `Plan`, `Change`, `Difference`, `Note`: what comes out
compare       two objects of one name, property by property
ownership     what may be deleted because the file does not have it
effective     what the broker's policies add to the file's objects
difference    `diff`, which puts it all together
document      changes as JSON
saved         a plan as a file
============  ==========================================================
"""

from amqptool.topology.diff.difference import diff
from amqptool.topology.diff.ownership import Ownership
from amqptool.topology.diff.plan import Action, Change, Difference, Note, Plan

__all__ = ["Action", "Change", "Difference", "Note", "Ownership", "Plan", "diff"]
