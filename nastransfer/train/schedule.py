"""Learning rates over a training (no torch)."""

from __future__ import annotations

import math


def cosine_lr(position: int, total: int, start: float, end: float = 0.0) -> float:
    """Learning rate of a cosine from `start`, at `position` (epoch or step, from 0), that reaches `end` at `total`."""
    return end + 0.5 * (start - end) * (1 + math.cos(math.pi * position / total))
