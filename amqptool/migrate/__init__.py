"""Changing what cannot be changed of a queue that holds messages, without losing one.

A temporary queue takes over the bindings and the messages; the queue is deleted and declared anew, and takes both
back. How far that is can be read from the broker alone, so a migration that was killed is continued by starting
it again:

===============  =========  ========================================================
queue            temporary  what is next
===============  =========  ========================================================
as it was        no         check, and declare the temporary queue
as it was        yes        move bindings and messages to it, and delete the queue
not there        yes        declare the queue
as it should be  yes        move bindings and messages back, and delete the temporary
as it should be  no         nothing
===============  =========  ========================================================

============  ====================================================
temporary     the temporary queue: its name, its properties
copies        what a copy of a message keeps
state         how far a migration is
refusals      what must not be migrated
moving        messages from one queue to another
progress      how often that is told
lock          one migration at a time
migration     the steps
============  ====================================================
"""

from amqptool.migrate.migration import Migrated, migrate

__all__ = ["Migrated", "migrate"]
