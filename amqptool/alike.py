"""Many objects that are alike but for some fields."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def alike(template: T, *varying: str) -> Callable[..., T]:
    """Return what makes objects like a template from the values of the fields that vary, in this order.

    The template is a dataclass with slots. The constructor of a frozen one takes thrice as long as filling the
    slots of a new object one by one, which is what this does; `__post_init__` is not called.
    """
    kind = type(template)
    names = [field.name for field in fields(template)]  # type: ignore[arg-type]  # a dataclass, as said above
    same = [(_slot(kind, name), getattr(template, name)) for name in names if name not in varying]
    puts = [_slot(kind, name) for name in varying]

    def make(*values: Any) -> T:
        made = object.__new__(kind)
        for put, value in same:
            put(made, value)
        for put, value in zip(puts, values, strict=True):
            put(made, value)
        return made

    return make


def _slot(kind: type, name: str) -> Callable[[object, Any], None]:
    """Return what puts a field's value into its place in a new object."""
    put: Callable[[object, Any], None] = getattr(kind, name).__set__
    return put
