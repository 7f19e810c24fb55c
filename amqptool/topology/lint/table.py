"""All rules of lint, one table; and all that can be explained, another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.topology.lint import (
    bindings,
    cycles,
    deadletters,
    declarations,
    deprecations,
    exchanges,
    messages,
    policies,
    queues,
    structure,
)

if TYPE_CHECKING:
    from amqptool.topology.lint.rule import Explanation

RULES = (
    *deadletters.RULES,
    *cycles.RULES,
    *queues.RULES,
    *exchanges.RULES,
    *bindings.RULES,
    *messages.RULES,
    *policies.RULES,
    *deprecations.RULES,
)

#: Whatever may stand in brackets after a problem, by its id: errors of form, errors of content, lint.
EXPLANATIONS: dict[str, Explanation] = {
    each.id: each for each in (*structure.EXPLANATIONS, *declarations.EXPLANATIONS, *RULES)
}
