"""An augmentation ends bit for bit the same, wherever it was cut off; asked to leave, it saves and leaves."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nastransfer.space.genotype import Genotype
from nastransfer.train.augment import AugmentResult, augment
from nastransfer.train.protocol import Protocol, protocol
from nastransfer.train.run import Run
from tests.interrupted import saved_after_each_unit
from tests.planted import planted

GENOTYPE = Genotype.random(np.random.default_rng(1))
SMALL: dict[str, Any] = {"cells": 3, "channels": 2, "resolution": None}
pytestmark = pytest.mark.filterwarnings("ignore:bn_group=")
# A last batch of one image; a capped epoch with tricks; groups of a batch; the auxiliary head.
PLANS: dict[str, Protocol] = {
    "plain": protocol("tiny", **SMALL, epochs=4, batch=4, epoch_images=None, cutout=3),
    "capped": protocol("tiny", **SMALL, epochs=4, batch=4, epoch_images=15, drop_path=0.3),
    "groups": protocol("tiny", **SMALL, epochs=3, batch=8, bn_group=4, epoch_images=None, drop_path=0.2),
    "auxiliary": protocol("tiny", cells=3, channels=2, resolution=32, epochs=2, batch=8, auxiliary=0.4),
}


def numbers(result: AugmentResult) -> Any:
    """All that must be the same again: everything but times and memory."""
    history = [{name: value for name, value in row.items() if name != "seconds"} for row in result.history]
    return history, result.classes, result.top1_last, result.top1_best, result.cost["images_seen"]


def images() -> Any:
    return planted(train=33, test=10)


@pytest.mark.parametrize("number", [3, pytest.param(14, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", PLANS)
def test_a_training_cut_off_anywhere_ends_the_same(
    name: str,
    number: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """From `number` random points at most, all of them where there are fewer: 50 and more over all plans (slow)."""
    plan = PLANS[name]
    run = partial(augment, GENOTYPE, images(), protocol=plan)
    whole = numbers(run())
    assert numbers(saved_after_each_unit(run, tmp_path, monkeypatch)) == whole
    units = max(int(folder.name) for folder in tmp_path.iterdir() if folder.name.isdecimal())
    drawn = np.random.default_rng(2).permutation(np.arange(1, units))[:number]
    for point in sorted(drawn.tolist()):
        assert numbers(run(checkpoint=tmp_path / str(point))) == whole, f"cut after {point} of {units} units"
    record_property("points", len(drawn))


def test_a_finished_training_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = augment(GENOTYPE, images(), protocol=PLANS["plain"], checkpoint=tmp_path)
    monkeypatch.setattr(Run, "advance", None)
    again = augment(GENOTYPE, images(), protocol=PLANS["plain"], checkpoint=tmp_path)
    assert numbers(again) == numbers(whole)


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    given: dict[str, Any] = {"protocol": PLANS["plain"], "checkpoint": tmp_path}
    augment(GENOTYPE, images(), **given)
    other = Genotype.random(np.random.default_rng(5))
    with pytest.raises(ValueError, match=r"another run \(genotype: "):
        augment(other, images(), **given)
    with pytest.raises(ValueError, match=r"another run \(images: "):
        augment(GENOTYPE, planted(train=34, test=10), **given)
    with pytest.raises(ValueError, match=r"another run \(protocol: .*'lr': 0\.025.*'lr': 0\.03"):
        augment(
            GENOTYPE, images(), protocol=PLANS["plain"].model_copy(update={"lr": 0.03}), checkpoint=tmp_path
        )
    with pytest.raises(ValueError, match=r"another run \(seed: 2 there, 3 here\)"):
        augment(GENOTYPE, images(), seed=3, **given)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("unit", [4, 9], ids=["within an epoch", "at its end"])
def test_asked_to_leave_it_saves_the_unit_in_progress_first(
    number: signal.Signals, unit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """33 images in batches of 4 are 8 weight steps and an evaluation."""
    plan = PLANS["plain"]
    whole = numbers(augment(GENOTYPE, images(), protocol=plan))
    monkeypatch.setattr(signal, "raise_signal", _raise)
    advance = Run.advance

    def interrupted(run: Run[Any]) -> None:
        if run.done == unit - 1:
            os.kill(os.getpid(), number)
        advance(run)

    with monkeypatch.context() as patched:
        patched.setattr(Run, "advance", interrupted)
        with pytest.raises(_Left, match=str(int(number))):
            augment(GENOTYPE, images(), protocol=plan, checkpoint=tmp_path)
    done: list[int] = []
    monkeypatch.setattr(Run, "advance", lambda run: (done.append(run.done), advance(run))[1])
    assert numbers(augment(GENOTYPE, images(), protocol=plan, checkpoint=tmp_path)) == whole
    assert done[0] == unit


class _Left(Exception):
    """Stands for what the system does with a signal."""


def _raise(number: int) -> None:
    raise _Left(str(int(number)))
