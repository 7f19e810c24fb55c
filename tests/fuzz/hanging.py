"""Run three commands, of which the second hangs: `python -m tests.fuzz.hanging DIRECTORY`."""

from __future__ import annotations

import faulthandler
import socket
import sys
from pathlib import Path

from tests.fuzz.case import Case
from tests.fuzz.execute import Executor

faulthandler.enable()
with socket.create_server(("127.0.0.1", 0)) as silent:
    url = f"amqp://127.0.0.1:{silent.getsockname()[1]}"
    for words in (["--version"], ["publish", "-k", "q", "x", "--url", url], ["--nonsense"]):
        # Whether one hangs does not depend on the machine's pace; the others end long before that.
        executor = Executor(patience=1 if "publish" in words else 60)
        outcome = executor.run(Case(words=words), Path(sys.argv[1]), as_process=False)
        print(outcome.code, outcome.is_hung, b"most recent call first" in outcome.stderr)
