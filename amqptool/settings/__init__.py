"""Where to connect, and which setting said so."""
