"""The whole tool under faults: real processes, a real broker, and something that goes wrong all the time.

============  ==========================================================
proxy         a TCP proxy that resets, delays, throttles, cuts, swallows
schedule      what goes wrong when, from a seed
checker       what became of each message: lost, repeated, unexpected
============  ==========================================================
"""
