"""The dead-letter workbench: what died, why, and what becomes of it now.

============  ==================================================
letter        a message, and what is known of its death
reading       reading that in our headers, or in RabbitMQ's
choice        which of them are meant
groups        how many died of what
replay        sending them again, and only then letting go
============  ==================================================
"""
