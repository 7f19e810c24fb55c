"""Keywords of JSON Schema that are checked in another way than jsonschema does: exactly, and in linear time."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from amqptool.topology.bodies.patterns import compiled

if TYPE_CHECKING:
    from collections.abc import Iterator


def multiple_of(validator: Any, divisor: Any, value: Any, _schema: Any) -> Iterator[Any]:
    """Check a number by what is written: 19.99 is a multiple of 0.01, though their doubles are not."""
    if validator.is_type(value, "number") and not _is_multiple(value, divisor):
        yield _error(f"{value!r} is not a multiple of {divisor!r}")


def unique_items(validator: Any, wanted: Any, value: Any, _schema: Any) -> Iterator[Any]:
    """Check that no item of a list is there twice."""
    if wanted and validator.is_type(value, "array") and len({_hashable(item) for item in value}) < len(value):
        yield _error(f"{value!r} has non-unique elements")


def pattern(validator: Any, wanted: str, value: Any, _schema: Any) -> Iterator[Any]:
    """Check a text."""
    if validator.is_type(value, "string") and not compiled(wanted).search(value):
        yield _error(f"{value!r} does not match {wanted!r}")


def pattern_properties(validator: Any, schemas: Any, value: Any, _schema: Any) -> Iterator[Any]:
    """Check the properties whose names match."""
    if validator.is_type(value, "object"):
        for wanted, schema in schemas.items():
            for name in filter(compiled(wanted).search, value):
                yield from validator.descend(value[name], schema, path=name, schema_path=wanted)


def additional_properties(validator: Any, allowed: Any, value: Any, schema: Any) -> Iterator[Any]:
    """Check the properties that are neither named nor match."""
    if not validator.is_type(value, "object"):
        return
    patterns = [compiled(each) for each in schema.get("patternProperties", ())]
    named = schema.get("properties", ())
    others = [name for name in value if name not in named and not any(each.search(name) for each in patterns)]
    if validator.is_type(allowed, "object"):
        for name in others:
            yield from validator.descend(value[name], allowed, path=name)
    elif not allowed and others:
        names = ", ".join(map(repr, sorted(others)))
        verb = "was" if len(others) == 1 else "were"
        yield _error(f"Additional properties are not allowed ({names} {verb} unexpected)")


def unevaluated_properties(check: Any) -> Any:
    """Make jsonschema's check of these one that takes the names beside it as patterns of ours."""

    def checked(validator: Any, allowed: Any, value: Any, schema: Any) -> Any:
        patterns = {compiled(text): each for text, each in schema.get("patternProperties", {}).items()}
        return check(validator, allowed, value, {**schema, "patternProperties": patterns})

    return checked


def _is_multiple(value: float, divisor: float) -> bool:
    if isinstance(value, int) and isinstance(divisor, int):
        return value % divisor == 0
    written = Decimal(repr(value)), Decimal(repr(divisor))
    if not all(each.is_finite() for each in written):  # which MessagePack can say
        return False
    return (Fraction(written[0]) / Fraction(written[1])).denominator == 1


def _hashable(value: Any) -> Any:
    """Return what equal values have in common: 1 is 1.0, and neither is true.

    Numbers become text, for anybody can find numbers of which all have the same hash.
    """
    if isinstance(value, bool | None):
        return value
    if isinstance(value, float) and value.is_integer():
        return "number", repr(int(value))
    if isinstance(value, int | float):
        return "number", repr(value)
    if isinstance(value, dict):
        return "object", frozenset((name, _hashable(item)) for name, item in value.items())
    if isinstance(value, list):
        return "array", tuple(map(_hashable, value))
    return value


def _error(text: str) -> Any:
    from jsonschema.exceptions import ValidationError

    return ValidationError(text)
