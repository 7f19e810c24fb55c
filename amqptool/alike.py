"""Many objects that are alike but for some fields."""

from __future__ import annotations

from dataclasses import fields, make_dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def alike(template: T, *varying: str) -> Callable[..., T]:
    """Return what makes objects like a template from the values of the fields that vary, in this order.

    The template is a dataclass with slots. The constructor of a frozen one takes six times as long as that of one that
    is not, so an object begins as such a draft and is given its class when it is filled: which may be done with
    classes of the same slots (Python's data model, `__slots__`). `__post_init__` is not called. Values that do not
    vary are shared.
    """
    kind: Any = type(template)
    constant = tuple(field.name for field in fields(kind) if field.name not in varying)
    same = [getattr(template, name) for name in constant]
    draft = _draft(kind, varying + constant)

    def make(*values: Any) -> T:
        made = draft(*values, *same)
        made.__class__ = kind
        return made  # type: ignore[no-any-return]  # it is of this kind now

    return make


@lru_cache(maxsize=100)
def _draft(kind: Any, names: tuple[str, ...]) -> Any:
    """Return a class with the slots of another one, whose objects may be filled: in this order of the fields."""
    filled: Any = make_dataclass(kind.__name__, names)
    attributes = {"__slots__": kind.__slots__, "__setattr__": object.__setattr__, "__init__": filled.__init__}
    return type(kind.__name__, kind.__bases__, attributes)
