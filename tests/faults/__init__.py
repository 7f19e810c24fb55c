"""The whole tool under faults: real processes, a real broker, and something that goes wrong all the time.

============  ==========================================================
nodes         the broker: a node, or a cluster on one machine
proxy         a TCP proxy that resets, delays, throttles, cuts, swallows
stores        the dedup stores: a file, or a server
schedule      what goes wrong when, from a seed
pace          how fast is published, so that they find work
strikes       each kind of fault, and its healing
load          what there is to work off
world         what runs under them
commands      its commands, and how they may end
workers       the workers of a world, with handlers of each kind
attended      a command that is run again whenever it ends
handlers      what workers do with messages, misdeeds included
service       the same over HTTP
records       what was written down about it
receipts      what the publisher was told
checker       what became of each message: lost, repeated, unexpected
node_log      when a node has set an alarm, or listens again
logs          how soon commands have told of faults
run           a slice, from its seed to its verdict
report        what came of it, as JSON
origin        which command that was, of which commit
release       all that a release takes: slices, and more
soak          no faults at all, for long, and what the processes hold
crashes       deaths at points by name, between two steps of a message
============  ==========================================================

`catalogue.md` lists each fault by itself, and the tests of the suite that show what comes of it.
"""
