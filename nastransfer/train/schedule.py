"""Learning rates over a training (no torch)."""

from __future__ import annotations

import math


def cosine_lr(position: int, total: int, start: float, end: float = 0.0) -> float:
    """Learning rate of a cosine from `start`, at `position` (epoch or step, from 0), that reaches `end` at `total`."""
    return end + 0.5 * (start - end) * (1 + math.cos(math.pi * position / total))


def num_steps(images: int, batch: int) -> int:
    """Weight steps of an epoch of `images` images: a last batch of one image joins the one before (`join_single`)."""
    steps = math.ceil(images / batch)
    return steps - 1 if steps > 1 and images % batch == 1 else steps
