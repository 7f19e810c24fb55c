"""What can go wrong in a run."""

from __future__ import annotations

from tests.faults.schedule import Kind
from tests.faults.strikes import FAULTS


def test_there_is_a_fault_of_each_kind() -> None:
    """None of them is a mere name."""
    assert set(FAULTS) == set(Kind)
