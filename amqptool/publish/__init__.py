"""Publishing, and knowing what became of every message."""
