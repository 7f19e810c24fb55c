"""Where to connect, and which setting said so."""

#: What is said to have set a value when nothing did.
DEFAULT_ORIGIN = "the default"
