"""The project of a user is run by a test of ours, in an environment of its own."""

collect_ignore = ["project"]
