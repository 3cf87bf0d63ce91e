"""A genotype as a trainable network: the plain reference that every faster engine must equal (methods sheet 1)."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nastransfer.space.engines.choice import check_engine, pick_engine
from nastransfer.space.genotype import INPUTS, NODES, Genotype
from nastransfer.space.operations import (
    FactorizedReduce,
    ReluConvNorm,
    build_operation,
    conv,
    edge_stride,
)
from nastransfer.space.skeleton import (
    CellShape,
    check_classes,
    check_images,
    reductions,
    stack,
    stem_channels,
)

EDGES_PER_CELL = 2 * NODES
AUXILIARY_SIZES = {"cifar": (8, 3), "imagenet": (7, 2)}
"""Side of the map the auxiliary head sees at 32 and 224 pixels, and the stride that pools it to 2x2."""


class CifarStem(nn.Sequential):
    """3x3 convolution to 3C channels and batch norm; both inputs of the first cell are its output."""

    def __init__(self, channels: int) -> None:
        """Map images [n, 3, h, w] to two references to [n, 3C, h, w]."""
        outputs = stem_channels(channels, "cifar")
        super().__init__(conv(3, outputs, 3), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The outputs of the two "cells" before the first cell."""
        out = super().forward(x)
        return out, out


class ImagenetStem(nn.Module):
    """Two stride-2 convolutions to [n, C, h/4, w/4], a third to [n, C, h/8, w/8]: the inputs of the first cell."""

    def __init__(self, channels: int) -> None:
        """`channels` must be even: the first convolution has half of them."""
        super().__init__()
        half = channels // 2
        self.stem0 = nn.Sequential(
            conv(3, half, 3, stride=2),
            nn.BatchNorm2d(half),
            nn.ReLU(),
            conv(half, channels, 3, stride=2),
            nn.BatchNorm2d(channels),
        )
        self.stem1 = nn.Sequential(nn.ReLU(), conv(channels, channels, 3, stride=2), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The outputs of the two "cells" before the first cell."""
        older = self.stem0(x)
        return older, self.stem1(older)


def keep_masks(
    kept: Sequence[float], edges: int, images: int, generator: torch.Generator | None = None
) -> Tensor:
    """Drop-path masks [cells, edges, images, 1, 1, 1] with mean 1: 1 / kept with each cell's probability `kept`, or 0.

    Drawn on the CPU, so that the device does not change them; without a generator by torch's default one.
    """
    masks = torch.empty(len(kept), edges, images, 1, 1, 1)
    for mask, share in zip(masks, kept, strict=True):
        mask.bernoulli_(share, generator=generator).div_(share)
    return masks


def build_stem(stem: str, channels: int) -> nn.Module:
    """The stem "cifar" (32-pixel images) or "imagenet" (224-pixel images)."""
    return CifarStem(channels) if stem == "cifar" else ImagenetStem(channels)


def build_preprocessing(shape: CellShape, affine: bool = True) -> tuple[nn.Module, nn.Module]:
    """What brings a cell's two inputs to its width; the older one also halves its map after a reduction."""
    older = FactorizedReduce if shape.after_reduction else ReluConvNorm
    return older(shape.inputs0, shape.width, affine), ReluConvNorm(shape.inputs1, shape.width, affine)


class Cell(nn.Module):
    """One cell of a genotype: 4 nodes, each the sum of two operations on earlier nodes."""

    def __init__(self, genotype: Genotype, shape: CellShape, affine: bool, pool_norm: bool) -> None:
        """Operations lie in `edges`, two a node, in the genotype's order."""
        super().__init__()
        self.preprocess0, self.preprocess1 = build_preprocessing(shape, affine)
        kept = [edge for node in genotype.cell("reduce" if shape.reduction else "normal") for edge in node]
        self.sources = [edge.source for edge in kept]
        self.edges = nn.ModuleList(
            build_operation(
                edge.op, shape.width, edge_stride(edge.source, shape.reduction), affine, pool_norm
            )
            for edge in kept
        )

    def forward(self, older: Tensor, newer: Tensor, keep: Tensor | None = None) -> Tensor:
        """The cell's output [n, 4 * width, h, w]; `keep` [8, n, 1, 1, 1] scales what each edge adds (drop path)."""
        nodes = [self.preprocess0(older), self.preprocess1(newer)]
        for first in range(0, EDGES_PER_CELL, 2):
            nodes.append(self._edge(first, nodes, keep) + self._edge(first + 1, nodes, keep))
        return torch.cat(nodes[INPUTS:], dim=1)

    def _edge(self, index: int, nodes: Sequence[Tensor], keep: Tensor | None) -> Tensor:
        operation = self.edges[index]
        out: Tensor = operation(nodes[self.sources[index]])
        if keep is None or isinstance(operation, nn.Identity):
            return out
        return out * keep[index]


class AuxiliaryHead(nn.Module):
    """A second classifier on the output of the second reduction cell, used in training only (methods sheet 1.8)."""

    def __init__(self, inputs: int, classes: int, stem: str) -> None:
        """Map [n, inputs, 8, 8] (cifar stem) or [n, inputs, 7, 7] (imagenet stem) to logits [n, classes]."""
        super().__init__()
        self.size, stride = AUXILIARY_SIZES[stem]
        self.features = nn.Sequential(
            nn.ReLU(),
            nn.AvgPool2d(5, stride, count_include_pad=False),
            nn.Conv2d(inputs, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False),
            nn.BatchNorm2d(768),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(768, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [n, classes]; ValueError for a map that does not pool to 2x2."""
        if x.shape[-2:] != (self.size, self.size):
            raise ValueError(
                f"the auxiliary head needs maps of {self.size}x{self.size} pixels (images of 32 with the cifar stem, "
                f"224 with the imagenet stem), got {x.shape[-2]}x{x.shape[-1]}"
            )
        return self.classifier(self.features(x).flatten(1))


class Network(nn.Module):
    """The network of a genotype: stem, `cells` cells with reductions at a third and two thirds, pooling, classifier.

    `pool_norm` puts a batch norm behind pools (pt.darts; the official code has bare pools there), `affine=False`
    takes the scales of the cells' batch norms away (as in a DARTS supernet). Reads images [n, 3, h, w], gives logits
    [n, classes]; with `auxiliary` a pair (logits, auxiliary logits) in training.
    """

    def __init__(
        self,
        genotype: Genotype | str | Mapping[str, Any],
        classes: int = 10,
        channels: int = 36,
        cells: int = 20,
        stem: str = "cifar",
        auxiliary: bool = False,
        pool_norm: bool = True,
        drop_path: float = 0.0,
        engine: str = "auto",
        affine: bool = True,
    ) -> None:
        """Build it with torch's default initialisation; `genotype` may be all that `Genotype.parse` reads.

        ValueError for a text that is no genotype, and for counts that make no network.
        """
        super().__init__()
        check_engine(engine)
        self.genotype = genotype = Genotype.parse(genotype)
        check_classes(classes)
        shapes = stack(channels, cells, stem)
        self.engine = engine
        self.settings: dict[str, Any] = {
            "classes": classes,
            "channels": channels,
            "cells": cells,
            "stem": stem,
        }
        self.stem_kind = stem
        self.stem = build_stem(stem, channels)
        self.cells = nn.ModuleList(Cell(genotype, shape, affine, pool_norm) for shape in shapes)
        self.auxiliary_cell = reductions(cells)[1]
        self.auxiliary = (
            AuxiliaryHead(shapes[self.auxiliary_cell].outputs, classes, stem) if auxiliary else None
        )
        self.classifier = nn.Linear(shapes[-1].outputs, classes)
        self.set_drop_path(drop_path)

    def set_drop_path(
        self, probability: float | Sequence[float], generator: torch.Generator | None = None
    ) -> None:
        """Drop each edge's output with this probability in training, sample by sample; identities always stay.

        One probability, or one for each cell. `generator` (on the CPU) draws the masks from now on; without one torch's
        default generator does. The papers raise the probability linearly by epoch: p * epoch / epochs.
        """
        cells = len(self.cells)
        probabilities = [probability] * cells if isinstance(probability, (int, float)) else list(probability)
        if len(probabilities) != cells:
            raise ValueError(f"drop path has one probability for each of {cells} cells, got {probabilities}")
        for value in probabilities:
            if not 0.0 <= value < 1.0:
                raise ValueError(f"a drop-path probability is at least 0 and below 1, got {value}")
        self.drop_path = tuple(float(value) for value in probabilities)
        self.drop_path_generator = generator

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Logits of images [n, 3, h, w]; in training with `auxiliary` also the auxiliary head's logits."""
        check_images(x.shape, self.stem_kind)
        keep = self._keep(x) if self.training and any(self.drop_path) else None
        runs = {"plain": self._run_plain, "torch": self._run_batched, "cpp": self._run_planned}
        features, auxiliary_map = runs[pick_engine(self.engine, self, x)](x, keep)
        logits = self.classifier(features)
        if auxiliary_map is None or self.auxiliary is None or not self.training:
            return logits
        return logits, self.auxiliary(auxiliary_map)

    def _run_plain(self, x: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Pooled features [n, outputs], and the map that the auxiliary head sees."""
        older, newer = self.stem(x)
        auxiliary_map = None
        for index, cell in enumerate(self.cells):
            older, newer = newer, cell(older, newer, None if keep is None else keep[index])
            if index == self.auxiliary_cell:
                auxiliary_map = newer
        return newer.mean(dim=(2, 3)), auxiliary_map

    def _run_batched(self, x: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The same by the edge-batched engine."""
        from nastransfer.space.engines.batched import run_batched

        return run_batched(self, x, keep=keep)

    def _run_planned(self, x: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The same by the C++ engine."""
        from nastransfer.space.engines.planned import as_map, pooled, run_cells

        exports = run_cells(self, x, keep=keep)
        return pooled(exports[-1]), as_map(exports[0]) if self.auxiliary is not None else None

    def _keep(self, x: Tensor) -> Tensor:
        """Masks [cells, 8, n, 1, 1, 1] for a batch."""
        kept = [1.0 - probability for probability in self.drop_path]
        return keep_masks(kept, EDGES_PER_CELL, len(x), self.drop_path_generator).to(x.device, x.dtype)
