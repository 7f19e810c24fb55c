"""The whole tool under faults: real processes, a real broker, and something that goes wrong all the time.

============  ==========================================================
proxy         a TCP proxy that resets, delays, throttles, cuts, swallows
schedule      what goes wrong when, from a seed
strikes       each kind of fault, and its healing
world         what runs under them
attended      a command that is run again whenever it ends
handlers      what workers do with messages, misdeeds included
records       what was written down about it
checker       what became of each message: lost, repeated, unexpected
run           a slice, from its seed to its verdict
soak          no faults at all, for long, and what the processes hold
============  ==========================================================

`catalogue.md` lists each fault by itself, and the tests of the suite that show what comes of it.
"""
