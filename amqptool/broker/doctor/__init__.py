"""What is wrong between us and a broker, step by step.

============  ==================================================
step          what one step has shown
examining     all steps for one broker, in their order
way           name, port, TLS, login and vhost
rights        what the user may do to the objects of a topology
health        what a broker tells about itself
consumers     how consumers take their messages
words         names and numbers, as people read them
============  ==================================================
"""

from amqptool.broker.doctor.examining import examine
from amqptool.broker.doctor.step import Step

__all__ = ["Step", "examine"]
