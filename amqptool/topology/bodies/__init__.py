"""Bodies of messages, and the JSON Schemas that a topology's `messages` has for them.

============  ==========================================================
schemas       the schemas of a topology, and what their `$ref`s lead to
flaws         what is wrong with these schemas
structure     which parts of a schema are schemas again
dialects      the dialects, with keywords of our own
keywords      these
patterns      regular expressions
checker       `BodyChecker`: what is wrong with a body
words         what jsonschema says, in one line
============  ==========================================================

This takes the extra `schema`, and only here is its library imported.
"""
