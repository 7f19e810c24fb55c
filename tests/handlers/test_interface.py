"""What a handler raises to decide."""

from __future__ import annotations

import pickle
from math import inf, nan

import pytest

from amqptool import Retry


@pytest.mark.parametrize("after", [-1, inf, nan])
def test_a_wait_is_a_number_of_seconds(after: float) -> None:
    """Anything else is a mistake of the handler's."""
    with pytest.raises(ValueError, match="seconds"):
        Retry(after=after)


def test_a_retry_survives_its_way_between_processes() -> None:
    """Pools of processes pickle what their workers raise."""
    error = pickle.loads(pickle.dumps(Retry("later", after=5)))
    assert (str(error), error.after) == ("later", 5)
