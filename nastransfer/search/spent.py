"""What a search has cost so far: seconds by purpose, images, multiply-adds, memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch

from nastransfer.train.device import machine_cost, timed

Purpose = Literal["weights", "architecture", "scoring"]


class Spent:
    """Counts while a search runs; survives an interruption by its state.

    Multiply-adds are those of forward passes, counted once for a pass without gradients, and two or three times with
    them: the gradients of the maps and of the weights cost about one forward pass each.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._since = time.perf_counter()
        self._before = 0.0
        self._seconds = dict.fromkeys(("seconds_weights", "seconds_architecture", "seconds_scoring"), 0.0)
        self.images = 0
        self.macs = 0

    @contextmanager
    def on(self, purpose: Purpose) -> Iterator[None]:
        """Count the time inside, the work that the device still had to do included, for this purpose."""
        with timed(self._seconds, f"seconds_{purpose}", self._device):
            yield

    def pass_over(self, images: int, macs: int, *, passes: int = 1) -> None:
        """`images` went through a network of `macs` multiply-adds an image; `passes`: 1 forward, 2 or 3 with gradients.

        `images` count once however many passes.
        """
        self.images += images
        self.macs += images * macs * passes

    def add(self, seconds: dict[str, float], images: int, macs: int) -> None:
        """What another process has spent: its `seconds_weights` and so on, images and multiply-adds."""
        for name, value in seconds.items():
            self._seconds[name] += value
        self.images += images
        self.macs += macs

    def cost(self, **more: Any) -> dict[str, Any]:
        """Columns of the results frame."""
        seconds = {"seconds": self._before + time.perf_counter() - self._since, **self._seconds}
        return {
            **{name: round(value, 3) for name, value in seconds.items()},
            "images_seen": self.images,
            "search_macs": self.macs,
            **more,
            **machine_cost(self._device),
        }

    def state(self) -> dict[str, Any]:
        """What was spent so far."""
        now = self._before + time.perf_counter() - self._since
        return {"seconds": now, **self._seconds, "images": self.images, "macs": self.macs}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on counting from there."""
        self._since = time.perf_counter()
        self._before = state["seconds"]
        self._seconds = {name: state[name] for name in self._seconds}
        self.images, self.macs = state["images"], state["macs"]
