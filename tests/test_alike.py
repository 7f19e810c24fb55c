"""Many objects that are alike but for some fields."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, field

import pytest

from amqptool.alike import alike


@dataclass(frozen=True, slots=True)
class Letter:
    """A frozen dataclass with defaults of both kinds."""

    text: str
    to: str = ""
    notes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Numbered(Letter):
    """One that inherits its fields."""

    number: int = 0


@pytest.mark.parametrize("template", [Letter("a", "b", {"c": 1}), Numbered("a", "b", {"c": 1}, 7)])
def test_what_does_not_vary_is_the_templates(template: Letter) -> None:
    """Values of any kind, in a class that inherits, too: the same object as a constructor makes."""
    made = alike(template, "to", "text")("x", "y")
    assert made == type(template)("y", "x", {"c": 1}, *([7] if isinstance(template, Numbered) else []))
    assert type(made) is type(template)


def test_a_made_object_is_as_frozen_as_its_class() -> None:
    """It is no draft any more."""
    made = alike(Letter("a"), "text")("b")
    with pytest.raises(FrozenInstanceError):
        made.text = "c"  # type: ignore[misc]  # as nobody should


def test_a_value_for_each_field_is_needed() -> None:
    """As with any constructor."""
    with pytest.raises(TypeError):
        alike(Letter("a"), "text", "to")("b")
