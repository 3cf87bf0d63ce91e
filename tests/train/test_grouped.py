"""Groups that share batch-norm statistics: their gradient, running statistics and masks, against plain arithmetic."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from nastransfer.data.passes import Share, group_ends
from nastransfer.data.streams import Streams
from nastransfer.space.genotype import Genotype
from nastransfer.space.network import Network
from nastransfer.train.grouped import GroupedStep
from nastransfer.train.loop import sgd, weight_step
from nastransfer.train.ranks import Ranks

GENOTYPE = Genotype.random(np.random.default_rng(4))
CLASSES, CLIP = 3, 5.0


def network(**changed: Any) -> Network:
    torch.manual_seed(0)
    return Network(GENOTYPE, CLASSES, channels=2, cells=3, **changed).double()


def batch(images: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(images)
    x = torch.randn(images, 3, 8, 8, generator=generator, dtype=torch.float64)
    return x, torch.randint(0, CLASSES, (images,), generator=generator)


def stepper(model: Network, group: int | None, seed: int = 2) -> GroupedStep:
    streams = Streams(seed, "augment")
    return GroupedStep(
        model, sgd(model, 0.1, 0.9, 3e-4), streams, Ranks(), group=group, clip=CLIP, auxiliary=0.4
    )


@pytest.mark.parametrize(
    ("number", "group", "ends"),
    [
        (12, 4, [4, 8, 12]),
        (14, 4, [4, 8, 12, 14]),
        (13, 4, [4, 8, 13]),
        (3, 4, [3]),
        (1, 4, [1]),
        (0, 4, []),
        (3, 1, [1, 2, 3]),
        (97, 96, [97]),
        (96, 96, [96]),
    ],
)
def test_groups_are_filled_in_order_and_none_has_a_single_image(
    number: int, group: int, ends: list[int]
) -> None:
    assert group_ends(number, group) == ends


@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
@pytest.mark.parametrize("number", [1, 2, 4, 5, 9, 14, 20, 21])
def test_ranks_share_whole_groups(number: int, ranks: int) -> None:
    """Each rank's groups, put together, are those of one device."""
    groups = []
    for rank in range(ranks):
        part = Share(rank, ranks, 4).of(number)
        groups += [part.start + end for end in group_ends(part.stop - part.start, 4)]
    assert groups == group_ends(number, 4)


def test_one_group_is_the_plain_step() -> None:
    x, y = batch(10)
    plain, grouped = network(), network()
    wanted = weight_step(plain, sgd(plain, 0.1, 0.9, 3e-4), x, y, clip=CLIP)
    found = stepper(grouped, None)(x, y, 0, number=10, start=0)
    assert torch.equal(wanted[0], found[0]) and torch.equal(wanted[1], found[1])
    for name, value in plain.state_dict().items():
        assert torch.equal(value, grouped.state_dict()[name]), name


@pytest.mark.parametrize("number", [12, 14, 13])
def test_a_step_of_groups_is_the_mean_loss_with_statistics_of_each_group(number: int) -> None:
    """Against the plain network's gradients, summed, and its running statistics after each group."""
    x, y = batch(number)
    model, plain = network(), network(engine="plain")
    optimizer = sgd(plain, 0.1, 0.9, 3e-4)
    ends = group_ends(number, 4)
    total, norm = (
        torch.zeros((), dtype=torch.float64),
        next(module for module in plain.modules() if isinstance(module, nn.BatchNorm2d)),
    )
    kept = [buffer.clone() for buffer in plain.buffers()]
    seen = []
    for start, end in zip([0, *ends], ends, strict=False):
        for buffer, value in zip(plain.buffers(), kept, strict=True):
            buffer.copy_(value)
        loss = cross_entropy(plain(x[start:end]), y[start:end], reduction="sum")
        (loss / number).backward()
        total += loss.detach() / number
        seen.append((end - start, norm.running_mean.clone() if norm.running_mean is not None else None))
    nn.utils.clip_grad_norm_(plain.parameters(), CLIP)
    optimizer.step()
    loss, right = stepper(model, 4)(x, y, 0, number=number, start=0)
    assert float(loss) == pytest.approx(float(total), rel=1e-12)
    assert 0 <= int(right) <= number
    for (name, value), own in zip(plain.named_parameters(), model.parameters(), strict=True):
        assert torch.allclose(value, own, rtol=0, atol=1e-12), name
    own_norm = next(module for module in model.modules() if isinstance(module, nn.BatchNorm2d))
    wanted = sum(size / number * mean for size, mean in seen if mean is not None)
    assert isinstance(wanted, Tensor) and own_norm.running_mean is not None
    assert torch.allclose(own_norm.running_mean, wanted, rtol=0, atol=1e-12)
    assert own_norm.num_batches_tracked == 1


def test_groups_change_the_result() -> None:
    x, y = batch(12)
    losses = {float(stepper(network(), group)(x, y, 0, number=12, start=0)[0]) for group in (None, 4, 6)}
    assert len(losses) == 3


def test_drop_path_depends_on_seed_step_and_group_alone() -> None:
    """Whatever was drawn before; the masks of one group's images are the same wherever they are trained."""
    x, y = batch(8)

    def loss(step: int, seed: int = 2, before: int = 0) -> float:
        model = network()
        do = stepper(model, 4, seed)
        do.drop_path = 0.5
        kept = copy.deepcopy(model.state_dict())
        for number in range(before):
            do(x, y, number, number=8, start=0)
        model.load_state_dict(kept)
        return float(do(x, y, step, number=8, start=0)[0])

    assert loss(3) == loss(3, before=2)
    assert len({loss(3), loss(4), loss(3, seed=3)}) == 3


def test_the_auxiliary_head_counts_in_every_group() -> None:
    torch.manual_seed(0)
    model = Network(GENOTYPE, CLASSES, channels=2, cells=3, auxiliary=True)
    before = copy.deepcopy(model.state_dict())
    stepper(model, 4)(torch.randn(8, 3, 32, 32), torch.arange(8) % CLASSES, 0, number=8, start=0)
    moved = [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
    assert any(name.startswith("auxiliary.classifier") for name in moved)
