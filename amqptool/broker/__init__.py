"""The broker: the AMQP seam, the management API, reconciling, and a private node."""
