"""Crash points by name: processes that are killed on purpose where something is half done, and what is left then."""
