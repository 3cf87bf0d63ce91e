"""The network to train of an architecture, and its size: cells of the search space, or a ResNet of torchvision."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from nastransfer.space import cost
from nastransfer.space.genotype import Genotype
from nastransfer.space.network import Network
from nastransfer.space.skeleton import IMAGE_CHANNELS, RESOLUTION, check_classes, check_stem
from nastransfer.train.architecture import Architecture, Reference

# Block, and blocks at each of the four widths (He et al. 2016, Table 1).
_RESNETS = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
}
_STEM_WIDTH = 64


class ReferenceNetwork(ResNet):
    """Torchvision's ResNet: images [n, 3, h, w] to logits [n, classes]; same names of weights, same initial weights.

    With the stem "cifar" the first convolution is a 3x3 one of stride 1 and no pool follows, the usual form for images
    of up to 64 pixels (the paper's own CIFAR networks have another layout and fewer channels); "imagenet": as it is.
    """

    def __init__(self, reference: Reference, classes: int, stem: str = "cifar") -> None:
        """`ValueError` for a class count below 1 and for an unknown stem."""
        check_classes(classes)
        check_stem(stem)
        block, depths = _RESNETS[reference.name]
        super().__init__(block, list(depths), num_classes=classes)
        self.reference = reference
        if stem == "cifar":
            self.conv1 = nn.Conv2d(IMAGE_CHANNELS, _STEM_WIDTH, 3, padding=1, bias=False)
            nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")
            self.maxpool = nn.Identity()

    def set_drop_path(
        self, probability: float | Sequence[float], generator: torch.Generator | None = None
    ) -> None:
        """Nothing to drop: `ValueError` for anything but 0."""
        del generator
        if probability != 0:
            raise ValueError(
                f"{self.reference} has no cells and no drop path, got a probability of {probability}"
            )


TrainedNetwork = Network | ReferenceNetwork
"""What `build` gives."""


def build(
    architecture: Architecture,
    *,
    classes: int,
    channels: int,
    cells: int,
    stem: str,
    auxiliary: bool = False,
    engine: str = "auto",
) -> TrainedNetwork:
    """The network with fresh weights of torch's default generator; all but classes and stem are for cells only."""
    if isinstance(architecture, Reference):
        return ReferenceNetwork(architecture, classes, stem)
    return Network(architecture, classes, channels, cells, stem, auxiliary=auxiliary, engine=engine)


def size(
    architecture: Architecture,
    *,
    classes: int,
    channels: int,
    cells: int,
    stem: str,
    resolution: int | None = None,
) -> tuple[int, int]:
    """Parameters, and multiply-adds for an image of `resolution` pixels a side, as `nastransfer.space.cost` counts.

    Without a resolution, that of images the stem is made for. The auxiliary head does not count.
    """
    if isinstance(architecture, Genotype):
        shape = (architecture, classes, channels, cells, stem)
        return cost.parameters(*shape), cost.macs(*shape, resolution=resolution)
    side = RESOLUTION[stem] if resolution is None else resolution
    with torch.device("meta"):
        network = ReferenceNetwork(architecture, classes, stem).eval()
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(torch.empty(1, IMAGE_CHANNELS, side, side))
    # The counter takes a multiply-add for two operations.
    return sum(weight.numel() for weight in network.parameters()), counter.get_total_flops() // 2
