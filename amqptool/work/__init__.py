"""Workers: from a queue, through a handler, to an acknowledgement."""
