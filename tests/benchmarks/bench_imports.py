"""How long a fresh process takes to import the public face and the ledger, against the frame library alone."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import Any

from tests.benchmarks.measure import take_turns

ROUNDS = 7
STATEMENTS = ("import polars", "import nastransfer", "import nastransfer.study.ledger", "import torch")


def run() -> dict[str, Any]:
    """Milliseconds from the start of a Python process to its end."""
    python = partial(subprocess.run, check=True)
    things = {text: partial(python, [sys.executable, "-c", text]) for text in STATEMENTS}
    return take_turns(things, ROUNDS)
