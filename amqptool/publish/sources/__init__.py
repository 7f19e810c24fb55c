"""Where messages come from: numbered items of bytes, read without ever blocking the event loop."""
