"""The dialects of JSON Schema, each with our keywords in place of some of jsonschema's."""

from __future__ import annotations

import re
from typing import Any

from amqptool.extras import importing_for
from amqptool.topology.bodies import keywords
from amqptool.topology.bodies.patterns import compiled

with importing_for("schema", "checking bodies against JSON Schemas needs"):
    import attrs
    import jsonschema
    from jsonschema.validators import extend, validator_for

_KEYWORDS = {
    "additionalProperties": keywords.additional_properties,
    "divisibleBy": keywords.multiple_of,  # draft 3
    "multipleOf": keywords.multiple_of,
    "pattern": keywords.pattern,
    "patternProperties": keywords.pattern_properties,
    "uniqueItems": keywords.unique_items,
}


def dialect_of(schema: Any, default: Any) -> Any:
    """Return what checks by the dialect that a schema names, or the default."""
    found = validator_for(schema, default=default)
    return _DIALECTS.get(found, found)


def _evolve(self: Any, **changes: Any) -> Any:
    """Return a validator for another schema, with our keywords also where that says `$schema`."""
    dialect = dialect_of(changes.get("schema", self.schema), type(self))
    kept = {alias: getattr(self, name) for name, alias in _FIELDS}
    return dialect(**{**kept, **changes})


def _extended(dialect: Any) -> Any:
    known: dict[str, Any] = {keyword: check for keyword, check in _KEYWORDS.items() if keyword in dialect.VALIDATORS}
    if check := dialect.VALIDATORS.get("unevaluatedProperties"):
        known["unevaluatedProperties"] = keywords.unevaluated_properties(check)
    formats = jsonschema.FormatChecker()
    formats.checkers = {**dialect.FORMAT_CHECKER.checkers, "regex": (_is_pattern, re.error)}
    made: Any = extend(dialect, known, format_checker=formats)
    made.evolve = _evolve
    return made


def _is_pattern(value: object) -> bool:
    return not isinstance(value, str) or bool(compiled(value))


_DIALECTS = {
    dialect: _extended(dialect)
    for dialect in (
        jsonschema.Draft3Validator,
        jsonschema.Draft4Validator,
        jsonschema.Draft6Validator,
        jsonschema.Draft7Validator,
        jsonschema.Draft201909Validator,
        jsonschema.Draft202012Validator,
    )
}
#: What a schema without `$schema` is of.
DIALECT = _DIALECTS[jsonschema.Draft202012Validator]
#: What a validator is made of, by attribute and argument.
_FIELDS = [(field.name, str(field.alias)) for field in attrs.fields(DIALECT) if field.init]
