"""All that a release takes: slices under faults, fuzzed input, full speed, reconnects, and crashes in each window.

============  ==========================================================
__main__      runs what is missing in a report, and tells what is in it
parts         what a release takes, in pieces
piece         a piece: its command, and the line that comes of it
runner        runs commands, and leaves none running
report        the file of lines, and what to say of it
figure        a line of what to say
totals        what came of all slices together
limits        figures, and what they may be at most
============  ==========================================================
"""
