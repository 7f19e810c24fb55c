"""Without faults, the world under faults does all its work, misdeeds of handlers included."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from amqptool import AmqpUrl
from amqptool.broker.local import RunningNode
from tests.faults.handlers import Misdeed, misdeed_of
from tests.faults.records import outcomes
from tests.faults.world import Load, world


def test_a_world_without_faults_works_everything_off(
    mortal_node: RunningNode, mortal_vhost: AmqpUrl, tmp_path: Path
) -> None:
    """All is confirmed, and all but what fails at each attempt is acted on, by workers of both kinds."""
    with world(mortal_node, mortal_vhost, tmp_path, Load(messages=300, seed=7, rate=200)) as made:
        made.finish()
        effects, told = made.effects(), Counter(outcomes(made.receipts).values())
    failing = sum(misdeed_of(b"%d" % number, "7") is Misdeed.FAIL for number in range(300))
    assert told == {"confirmed": 300}
    assert len({each.message for each in effects}) == 300 - failing
    assert {each.is_atomic for each in effects} == {True, False}


def test_a_publisher_that_was_killed_goes_on(mortal_node: RunningNode, mortal_vhost: AmqpUrl, tmp_path: Path) -> None:
    """Each message has a receipt in the end."""
    with world(mortal_node, mortal_vhost, tmp_path, Load(messages=100, seed=7, rate=50)) as made:
        made.until(lambda: len(made.effects()) > 5)
        [process] = made.publisher.processes()
        made.publisher.kill(process)
        made.until(lambda: made.publisher.is_done)
        assert made.publisher.ends == {-9: 1, 0: 1}
        assert Counter(outcomes(made.receipts).values()) == {"confirmed": 100}


@pytest.mark.parametrize("misdeed", list(Misdeed))
def test_each_misdeed_comes_with_some_message(misdeed: Misdeed) -> None:
    """In any thousand or two of them."""
    assert misdeed in {misdeed_of(b"%d" % number, "7") for number in range(2000)}


def test_a_seed_gives_the_same_misdeeds_again() -> None:
    """And another seed gives others."""
    first, again, other = ([misdeed_of(b"%d" % each, seed) for each in range(1000)] for seed in ("7", "7", "8"))
    assert first == again
    assert first != other
