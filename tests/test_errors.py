"""The tree of errors: one picture, the classes, and the public names agree."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import pytest

import amqptool
from amqptool import errors
from amqptool.errors import AmqptoolError, BrokerError, Problem, PublishError, TopologyError
from amqptool.message import Message

CLASSES = {
    name: thing
    for name, thing in vars(errors).items()
    if inspect.isclass(thing) and thing.__module__ == errors.__name__ and issubclass(thing, BaseException)
}


def drawn_tree() -> Iterator[tuple[str, str]]:
    """Read the docstring's picture as pairs of class and base."""
    parents = ["Exception"]
    for line in (errors.__doc__ or "").splitlines():
        match = re.fullmatch(r" {4}((?:[│ ] {3})*(?:[├└]── )?)([A-Z]\w+)(?: .*)?", line)
        if match:
            depth = len(match[1]) // 4
            del parents[depth + 1 :]
            yield match[2], parents[depth]
            parents.append(match[2])


def test_the_picture_is_the_tree() -> None:
    """The docstring draws every class, under its own base, and nothing else."""
    assert dict(drawn_tree()) == {name: kind.__bases__[0].__name__ for name, kind in CLASSES.items()}


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_each_class_is_documented(name: str) -> None:
    """Every class says in its own words what it means."""
    assert CLASSES[name].__dict__.get("__doc__")


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_each_class_is_a_public_name(name: str) -> None:
    """Whoever catches one of our errors can import it from the top."""
    assert name in amqptool.__all__
    assert getattr(amqptool, name) is CLASSES[name]


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_one_class_catches_everything(name: str) -> None:
    """`except AmqptoolError` catches whatever we raise on purpose."""
    assert issubclass(CLASSES[name], AmqptoolError)


def test_a_topology_error_lists_all_problems_in_order() -> None:
    """All problems are there as values, and its text is one line for each."""
    problems = [
        Problem("a.yaml", 2, 3, "no such exchange", "unknown"),
        Problem("a.yaml", 9, 1, "odd", "style"),
    ]

    error = TopologyError(problems)

    assert error.problems == tuple(problems)
    assert str(error) == "a.yaml:2:3: no such exchange [unknown]\na.yaml:9:1: odd [style]"


def test_problems_sort_by_their_place() -> None:
    """Problems sort as they stand in their files, by line number and not by its text."""
    late, early = Problem("a", 10, 1, "", ""), Problem("a", 9, 5, "", "")

    assert sorted([late, early]) == [early, late]


def test_a_warning_says_so() -> None:
    """Where nothing is said a problem is an error; a warning is told as one."""
    assert str(Problem("a", 1, 2, "odd", "style", "warning")) == "a:1:2: warning: odd [style]"


@pytest.mark.parametrize("code", [None, 404])
def test_a_broker_error_keeps_the_reply_code(code: int | None) -> None:
    """The broker's own code is kept where there was one."""
    error = BrokerError("no queue 'q'", reply_code=code)

    assert (str(error), error.reply_code) == ("no queue 'q'", code)


def test_a_publish_error_keeps_its_message() -> None:
    """Whoever catches a publish error can look at the message that did not arrive."""
    message = Message(body=b"")
    error = PublishError("returned", message)

    assert error.message is message
    assert str(error) == "returned"
