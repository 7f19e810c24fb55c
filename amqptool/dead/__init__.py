"""The dead-letter workbench: what died, why, and what becomes of it now.

============  ==================================================
letter        what a message tells of its death, ours or RabbitMQ's
choice        which of them are meant
groups        how many died of what
replay        sending them again, and only then letting go
============  ==================================================
"""
