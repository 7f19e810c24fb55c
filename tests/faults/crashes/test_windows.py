"""The table of windows in this package's docstring."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from tests.faults import crashes

#: As the research into faults has them.
WINDOWS = ["W0", "W1", "W2", "W3", "W4", "W5a", "W5b", "W5c", "W6", "W7", "W8", "W9", "W10"]


def table() -> dict[str, list[str]]:
    """Return the tests of each window."""
    found: dict[str, list[str]] = {}
    for line in crashes.__doc__.splitlines():
        if window := re.match(r"(W\w+)  ", line):
            found[window[1]] = []
        elif test := re.fullmatch(r" +([\w.]+\.test_\w+)", line):
            [*found.values()][-1].append(test[1])
    return found


def test_each_window_has_tests() -> None:
    """None is left out, and all that are named are there."""
    assert [*table()] == WINDOWS
    for window, tests in table().items():
        assert tests, window
        for test in tests:
            module, _, name = test.rpartition(".")
            path = module if "." in module else f"{crashes.__name__}.{module}"
            assert callable(getattr(import_module(path), name)), test


def test_each_test_is_named_at_its_window() -> None:
    """The one that its own name tells."""
    here = {
        (f"W{window}", f"{path.stem}.test_w{window}_{rest}")
        for path in Path(crashes.__file__).parent.glob("test_*.py")
        for window, rest in re.findall(r"^def test_w(\d+[abc]?)_(\w+)", path.read_text(), re.MULTILINE)
    }
    named = {(window, test) for window, tests in table().items() for test in tests if not test.startswith("tests.")}
    assert here == named
