"""Augmentation end to end on a tiny planted set: it learns, repeats itself, counts right, refuses nonsense."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from nastransfer.space import cost
from nastransfer.space.genotype import Genotype
from nastransfer.train.augment import AugmentResult, augment, augment_steps
from nastransfer.train.protocol import Protocol, protocol
from nastransfer.train.steps import Diverged
from tests.planted import planted

GENOTYPE = Genotype.random(np.random.default_rng(1))
SMALL: dict[str, Any] = {"cells": 3, "channels": 2, "batch": 16, "resolution": None, "epoch_images": None}


def settings(**changed: Any) -> Protocol:
    return protocol("tiny", **{**SMALL, "epochs": 2, **changed})


def numbers(result: AugmentResult) -> list[Any]:
    """All that a repetition must reproduce: everything but times and memory."""
    history = [{name: value for name, value in row.items() if name != "seconds"} for row in result.history]
    return [history, result.classes, result.top1_last, result.top1_best, result.top5_last]


def test_it_learns_and_counts() -> None:
    data = planted(train=120, test=40)
    result = augment(GENOTYPE, data, protocol=settings(epochs=6, lr=0.1))
    accuracies = [row["top1"] for row in result.history]
    assert result.top1_last == accuracies[-1]
    assert result.top1_best == max(accuracies)
    assert result.top1_best > 60 > 100 / 3
    assert result.top5_last is None
    assert (result.n_train, result.n_test) == (120, 40)
    assert [row["images"] for row in result.classes] == [14, 13, 13]
    assert sum(row["correct"] for row in result.classes) == round(result.top1_last * 40 / 100)
    assert [row["class"] for row in result.classes] == list(data.classes)
    assert result.confusion is not None
    assert [row["images"] for row in result.confusion if row["class"] == row["guess"]] == [
        row["correct"] for row in result.classes
    ]
    assert sum(row["images"] for row in result.confusion) == 40
    assert result.cost["images_seen"] == 6 * (120 + 40)
    assert result.params == cost.parameters(GENOTYPE, 3, 2, 3)
    assert result.macs == cost.macs(GENOTYPE, 3, 2, 3, resolution=8)


def test_the_same_seed_gives_the_same_bits_and_another_one_does_not() -> None:
    data = planted()
    tricks = settings(drop_path=0.3, cutout=3)
    torch.manual_seed(5)
    first = augment(GENOTYPE, data, seed=2, protocol=tricks)
    untouched = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), untouched)
    torch.manual_seed(6)
    assert numbers(augment(GENOTYPE, data, seed=2, protocol=tricks)) == numbers(first)
    assert numbers(augment(GENOTYPE, data, seed=3, protocol=tricks)) != numbers(first)


def test_each_trick_changes_the_training() -> None:
    data = planted()
    bare = numbers(augment(GENOTYPE, data, protocol=settings()))
    assert numbers(augment(GENOTYPE, data, protocol=settings(drop_path=0.3))) != bare
    assert numbers(augment(GENOTYPE, data, protocol=settings(cutout=4))) != bare


def test_drop_path_is_off_in_the_first_epoch() -> None:
    """Methods sheet 1.9: p_max * e / E."""
    data = planted()
    bare = augment(GENOTYPE, data, protocol=settings()).history
    dropped = augment(GENOTYPE, data, protocol=settings(drop_path=0.3)).history
    assert dropped[0]["loss"] == bare[0]["loss"]
    assert dropped[1]["loss"] != bare[1]["loss"]


def test_the_auxiliary_head_trains_along_and_is_not_counted() -> None:
    data = planted(train=16, test=4)
    changed = settings(auxiliary=0.4, resolution=32, epochs=1, batch=8)
    result = augment(GENOTYPE, data, protocol=changed)
    plain = augment(GENOTYPE, data, protocol=changed.model_copy(update={"auxiliary": 0.0}))
    assert result.params == plain.params
    assert result.history[0]["loss"] != plain.history[0]["loss"]


def test_the_learning_rate_is_annealed_by_the_epoch_or_by_the_step() -> None:
    by = {
        per: augment(GENOTYPE, planted(), protocol=settings(lr=0.1, lr_per=per)) for per in ("epoch", "step")
    }
    for result in by.values():
        assert [row["lr"] for row in result.history] == pytest.approx([0.1, 0.05])
    assert by["epoch"].history[0]["loss"] != by["step"].history[0]["loss"]


def test_an_epoch_may_be_shorter_than_the_set_but_not_longer() -> None:
    data = planted(train=48, test=24)
    short = augment(GENOTYPE, data, protocol=settings(epoch_images=20))
    assert short.cost["images_seen"] == 2 * (20 + 24)
    whole = augment(GENOTYPE, data, protocol=settings(epoch_images=1000))
    assert numbers(whole) == numbers(augment(GENOTYPE, data, protocol=settings()))


def test_a_last_image_alone_is_trained_on_all_the_same() -> None:
    result = augment(GENOTYPE, planted(train=33), protocol=settings(epochs=1))
    assert result.cost["images_seen"] == 33 + 24


def test_the_val_part_is_trained_on_and_the_test_part_is_not() -> None:
    data = planted(train=32, val=16, test=24)
    assert augment(GENOTYPE, data, protocol=settings(epochs=1)).n_train == 48
    spoiled = replace(data, read=lambda manifest: _blank_test_images(data, manifest))
    losses = [augment(GENOTYPE, d, protocol=settings(epochs=1)).history[0]["loss"] for d in (data, spoiled)]
    assert losses[0] == losses[1]


def _blank_test_images(data: Any, manifest: Any) -> np.ndarray:
    images = data.read(manifest)
    images[(manifest.rows["parent_part"] == "test").to_numpy()] = 0
    return images


def test_steps_come_one_an_epoch_with_what_events_need() -> None:
    steps = augment_steps(GENOTYPE, planted(), seed=2, protocol=settings())
    event = copy.deepcopy(next(steps).to_event())
    assert (event["step"], event["steps"]) == (1, 2)
    assert all(value is None or isinstance(value, (int, float)) for value in event.values())
    assert next(steps).to_event()["step"] == 2
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert isinstance(stop.value.value, AugmentResult)


def test_a_loss_that_blows_up_is_no_result() -> None:
    with pytest.raises(Diverged, match=r"the loss at step \d+ is (nan|inf)"):
        augment(GENOTYPE, planted(), protocol=settings(lr=1e30, epochs=4))


def test_what_cannot_be_trained_is_refused() -> None:
    with pytest.raises(ValueError, match="2 ranks cannot share a batch of 1 batch-norm group"):
        augment(GENOTYPE, planted(), devices=2)
    with pytest.raises(ValueError, match="at least 2 test images; 'planted' has 0"):
        augment(GENOTYPE, planted(test=0), protocol=settings())
    with pytest.raises(ValueError, match="training needs at least 2 classes; 'planted' has 1"):
        augment(GENOTYPE, planted(classes=1), protocol=settings())
    with pytest.raises(ValueError, match="device 'tpu' is not here; this machine has cpu"):
        augment(GENOTYPE, planted(), protocol=settings(), device="tpu")
    with pytest.raises(ValueError, match="unknown protocol 'papper'"):
        augment(GENOTYPE, planted(), protocol="papper")


def test_bf16_trains_nearly_alike_and_is_another_experiment() -> None:
    """Maps have 8 bits of precision then; weights and what is saved stay fp32."""
    data = planted(train=120, test=40)
    plans = [settings(epochs=1, lr=0.005, precision=precision) for precision in ("fp32", "bf16")]
    full, short = (augment(GENOTYPE, data, protocol=plan) for plan in plans)
    assert short.history[0]["loss"] != full.history[0]["loss"]
    assert short.history[0]["loss"] == pytest.approx(full.history[0]["loss"], abs=0.02)
    assert plans[1].label.endswith("+precisionbf16")


def test_small_groups_are_warned_of_with_what_else_there_is() -> None:
    plan = settings(epochs=1, batch=16, bn_group=8)
    with pytest.warns(UserWarning, match=r"bn_group=8: .*fewer than 16 images are noisy.*fewer devices"):
        augment(GENOTYPE, planted(), protocol=plan)


def test_the_learning_rate_may_grow_with_the_batch() -> None:
    """Linear scaling from the lineage's 96 images (methods.md 7.2), recorded in the protocol's label."""
    plan = protocol("small", batch=384, lr_scaling="linear")
    assert plan.start_lr == pytest.approx(0.1)
    assert "lr_scalinglinear" in plan.label
    assert protocol("small", batch=384).start_lr == protocol("small").lr == 0.025
    trained = augment(GENOTYPE, planted(), protocol=settings(epochs=1, batch=48, lr_scaling="linear"))
    assert trained.history[0]["lr"] == pytest.approx(0.0125)
