"""How often each window is hit."""

from __future__ import annotations

import os
from itertools import cycle, islice

#: Crashes in each window; a release is worth a thousand.
CRASHES = int(os.environ.get("AMQPTOOL_TEST_CRASHES", "20"))
#: For each crash, at which time of coming to its point.
NUMBERS = list(islice(cycle((2, 3)), CRASHES))
