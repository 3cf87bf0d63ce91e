"""Networks that people know: names, sizes, torchvision's own weights; trained under the same protocol as cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision

from nastransfer.space import cost
from nastransfer.space.genotype import Genotype
from nastransfer.space.known import known_genotype
from nastransfer.train.architecture import REFERENCES, Reference, known_names, read_architecture
from nastransfer.train.augment import augment, augment_steps, identity
from nastransfer.train.networks import ReferenceNetwork, build, size
from nastransfer.train.protocol import Protocol, protocol
from tests.planted import planted

SHAPE: dict[str, Any] = {"channels": 4, "cells": 3}


def settings(**changed: Any) -> Protocol:
    small = {**SHAPE, "batch": 16, "epochs": 1, "resolution": None, "epoch_images": None}
    return protocol("tiny", **{**small, **changed})


def test_an_architecture_is_a_name_or_a_genotype_and_its_text_says_the_same() -> None:
    drawn = Genotype.random(np.random.default_rng(0))
    for given in (drawn, str(drawn), drawn.to_json(), drawn.to_dict()):
        assert read_architecture(given) == drawn
    assert read_architecture("DARTS_V2") == known_genotype("DARTS_V2")
    assert {read_architecture(name) for name in REFERENCES} == set(map(Reference, REFERENCES))
    for name in known_names():
        found = read_architecture(name)
        assert read_architecture(str(found)) == found
    assert len({read_architecture(name).digest for name in known_names()}) == len(known_names())


def test_other_names_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown network 'resnet19'; did you mean 'resnet18'"):
        read_architecture("resnet19")
    with pytest.raises(ValueError, match="unknown reference network 'DARTS_V2'"):
        Reference("DARTS_V2")
    with pytest.raises(ValueError, match="genotype, line 1"):
        read_architecture("Genotype(normal=")


@pytest.mark.parametrize("name", REFERENCES)
def test_sizes_are_those_that_torchvision_prints(name: str) -> None:
    printed = torchvision.models.get_model_weights(name).DEFAULT.meta
    params, macs = size(Reference(name), classes=1000, stem="imagenet", **SHAPE)
    assert params == printed["num_params"]
    assert macs / 1e9 == pytest.approx(printed["_ops"], abs=0.0005)


def test_small_images_keep_their_side_and_the_size_is_the_one_that_people_print() -> None:
    """kuangliu/pytorch-cifar, from which people know this stem: 11,173,962 parameters, 0.56 G multiply-adds."""
    shape = {"classes": 10, "stem": "cifar", **SHAPE}
    assert size(Reference("resnet18"), **shape) == (11_173_962, 555_422_720)
    network = ReferenceNetwork(Reference("resnet18"), 10, "cifar")
    sides: list[int] = []
    network.layer1.register_forward_hook(lambda *seen: sides.append(seen[-1].shape[-1]))
    assert network.eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
    assert sides == [32]


def test_weights_are_torchvisions_own_and_sizes_draw_nothing() -> None:
    torch.manual_seed(3)
    size(Reference("resnet18"), classes=7, stem="imagenet", **SHAPE)
    own = build(Reference("resnet18"), classes=7, stem="imagenet", **SHAPE).state_dict()
    torch.manual_seed(3)
    theirs = torchvision.models.resnet18(num_classes=7).state_dict()
    assert own.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[name]) for name, value in own.items())


def test_the_stem_for_small_images_starts_like_all_other_convolutions() -> None:
    torch.manual_seed(3)
    weight = ReferenceNetwork(Reference("resnet18"), 10, "cifar").conv1.weight
    assert float(weight.detach().std()) == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.05)


def test_sizes_of_cells_are_the_closed_forms() -> None:
    cells = known_genotype("DARTS_V2")
    shape = {"classes": 5, "stem": "cifar", **SHAPE}
    counted = cost.parameters(cells, **shape), cost.macs(cells, resolution=16, **shape)
    assert size(cells, resolution=16, **shape) == counted


def test_a_reference_trains_like_cells_do_and_the_seed_decides() -> None:
    data = planted(train=32, test=8)
    first, again, other = (
        augment("resnet18", data, seed=seed, protocol=settings(batch=32, bn_group=16, cutout=2))
        for seed in (2, 2, 3)
    )
    assert first.genotype == Reference("resnet18")
    assert first.history[0]["loss"] == again.history[0]["loss"] != other.history[0]["loss"]
    assert (first.params, first.macs) == size(
        Reference("resnet18"), classes=3, stem="cifar", resolution=8, **SHAPE
    )


def test_a_known_cell_is_its_genotype() -> None:
    data = planted(train=32, test=8)
    named, given = (
        augment(what, data, protocol=settings()) for what in ("DARTS_V2", known_genotype("DARTS_V2"))
    )
    assert named.genotype == given.genotype
    assert named.history[0]["loss"] == given.history[0]["loss"]


def test_what_only_cells_have_is_refused_before_anything_is_computed() -> None:
    with pytest.raises(ValueError, match=r"resnet18 has no cells.*drop_path=0\.2, auxiliary=0\.4"):
        next(augment_steps("resnet18", planted(), protocol=settings(drop_path=0.2, auxiliary=0.4)))
    network = ReferenceNetwork(Reference("resnet18"), 10)
    network.set_drop_path(0.0)
    with pytest.raises(ValueError, match=r"no drop path, got a probability of 0\.1"):
        network.set_drop_path(0.1)


def test_checkpoints_of_two_networks_are_told_apart(tmp_path: Path) -> None:
    data, chosen = planted(train=16, test=4), settings()
    augment("DARTS_V1", data, protocol=chosen, checkpoint=tmp_path)
    with pytest.raises(ValueError, match=r"checkpoint of another run.*genotype: .*'resnet18' here"):
        augment("resnet18", data, protocol=chosen, checkpoint=tmp_path)
    names = [identity(read_architecture(name), data, 2, chosen)["genotype"] for name in known_names()]
    assert len(set(names)) == len(names)


def test_a_reference_that_was_interrupted_ends_like_one_that_was_not(tmp_path: Path) -> None:
    data, chosen = planted(train=32, test=8), settings(epochs=2)
    whole = augment("resnet18", data, protocol=chosen)
    steps = augment_steps("resnet18", data, protocol=chosen, checkpoint=tmp_path, save_seconds=0)
    next(steps)
    steps.close()
    resumed = augment("resnet18", data, protocol=chosen, checkpoint=tmp_path)
    losses = [[(row["loss"], row["test_loss"]) for row in result.history] for result in (whole, resumed)]
    assert losses[0] == losses[1]
