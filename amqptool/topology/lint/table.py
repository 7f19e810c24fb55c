"""All rules of lint, one table."""

from __future__ import annotations

from amqptool.topology.lint import bindings, cycles, deadletters, deprecations, exchanges, policies, queues

RULES = (
    *deadletters.RULES,
    *cycles.RULES,
    *queues.RULES,
    *exchanges.RULES,
    *bindings.RULES,
    *policies.RULES,
    *deprecations.RULES,
)
