"""Work that is cut off: what a kill between any two of its units would leave on disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from nastransfer.train.checkpoint import Checkpoints

Result = TypeVar("Result")


def saved_after_each_unit(
    run: Callable[..., Result], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Result:
    """What `run` gives, asked to save after each unit; the states are kept in `folder`, by units done."""
    save = Checkpoints.save

    def saving(checkpoints: Checkpoints, state: Mapping[str, Any]) -> Path:
        path = save(checkpoints, state)
        shutil.copytree(checkpoints.folder, folder / str(state["done"]))
        return path

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "save", saving)
        return run(checkpoint=folder / "run", save_seconds=0.0)
