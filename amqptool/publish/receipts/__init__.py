"""Receipts: what became of each message of a run, on disk, and how a run goes on from there.

A file of receipts is JSON Lines. Its first line names the run: a random UUID, what is published and how. Each other
line is a receipt, ``{"id", "source", "line" or "number", "outcome"}``; see `record` for the outcomes.
"""
