"""A topology as an AsyncAPI 3.0 document: what may be sent to its exchanges, and received from its queues.

============  ==========================================================
document      the document as a whole
channels      exchanges with their keys, and queues, as channels
components    messages, and their schemas in one piece
keys          names that references can hold
terms         what all parts have in common
============  ==========================================================
"""

from amqptool.topology.asyncapi.document import Server, asyncapi

__all__ = ["Server", "asyncapi"]
