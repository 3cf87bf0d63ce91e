"""All genotypes in one set of weights: mixed (DARTS) or along a sampled path (ENAS, NAO); the plain reference."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from nastransfer.space.engines.choice import check_engine, pick_engine
from nastransfer.space.genotype import CONCAT, EDGES, INPUTS, MIXTURE, OPERATIONS, Genotype, edge_index
from nastransfer.space.network import Cell, Network, build_preprocessing, build_stem
from nastransfer.space.operations import build_operation, edge_stride
from nastransfer.space.partial import pass_by, shuffle, split_channels
from nastransfer.space.skeleton import CellShape, check_classes, check_images, check_partial, stack


class MixedEdge(nn.Module):
    """One possible edge with all seven operations; the zero operation has no weights and adds nothing."""

    def __init__(self, channels: int, stride: int, affine: bool) -> None:
        """`operations` lie in the order of `OPERATIONS`."""
        super().__init__()
        self.operations = nn.ModuleList(
            build_operation(name, channels, stride, affine) for name in OPERATIONS
        )

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """The sum of all operations on x, weighted by `weights` [8]; the last one, of "none", weighs zeros."""
        first, *others = (
            weight * operation(x) for weight, operation in zip(weights, self.operations, strict=False)
        )
        return sum(others, first)


class MixedCell(nn.Module):
    """A cell with all 14 edges, in the order of `EDGES`."""

    def __init__(self, shape: CellShape, affine: bool, partial: int = 1) -> None:
        """Widths, place and strides come from `shape`; edges work on 1 / `partial` of the channels (`partial.py`)."""
        super().__init__()
        self.reduction = shape.reduction
        self.partial = partial
        self.preprocess0, self.preprocess1 = build_preprocessing(shape, affine)
        self.edges = nn.ModuleList(
            MixedEdge(shape.width // partial, edge_stride(source, shape.reduction), affine)
            for _, source in EDGES
        )

    def forward(self, older: Tensor, newer: Tensor, weights: Tensor, passing: Tensor | None = None) -> Tensor:
        """The cell's output when every edge mixes its operations by its row of `weights` [14, 8].

        With partial channels the others pass by, weighted by the edges' `passing` [14].
        """
        nodes = [self.preprocess0(older), self.preprocess1(newer)]
        for node in CONCAT:
            rows = {source: edge_index(node, source) for source in range(node)}
            if passing is None:
                nodes.append(
                    sum(self.edges[row](nodes[source], weights[row]) for source, row in rows.items())
                )
                continue
            mixed, others = [], []
            for source, row in rows.items():
                head, tail = split_channels(nodes[source], self.partial)
                mixed.append(self.edges[row](head, weights[row]))
                others.append(passing[row] * pass_by(tail, edge_stride(source, self.reduction)))
            nodes.append(shuffle(sum(mixed[1:], mixed[0]), sum(others[1:], others[0]), self.partial))
        return torch.cat(nodes[INPUTS:], dim=1)

    def sample(self, older: Tensor, newer: Tensor, genotype: Genotype, keep: Tensor | None = None) -> Tensor:
        """The cell's output along the genotype's edges; other operations are not computed.

        `keep` [14, n, 1, 1, 1] scales what each edge adds (drop path), but for identities.
        """
        nodes = [self.preprocess0(older), self.preprocess1(newer)]
        cell = genotype.cell("reduce" if self.reduction else "normal")
        for node, pair in zip(CONCAT, cell, strict=True):
            parts = []
            for op, source in pair:
                operation = self.operation(node, source, op)
                out = operation(nodes[source])
                if keep is not None and not isinstance(operation, nn.Identity):
                    out = out * keep[edge_index(node, source)]
                parts.append(out)
            nodes.append(parts[0] + parts[1])
        return torch.cat(nodes[INPUTS:], dim=1)

    def operation(self, node: int, source: int, name: str) -> nn.Module:
        """The module of one operation on one edge."""
        edge = cast(MixedEdge, self.edges[edge_index(node, source)])
        return edge.operations[OPERATIONS.index(name)]


class Supernet(nn.Module):
    """The network that holds every operation on every edge, one set of weights for all genotypes.

    `affine` gives the cells' batch norms scales (off in DARTS, on in ENAS and NAO; the stem always has them). With
    `partial` = k above 1 every edge mixes the first k-th of the channels and lets the others pass (PC-DARTS,
    `partial.py`); such a supernet has no sampled paths. Batch statistics when scoring: `operations.batch_statistics`.
    On a sampled path the other operations get no gradient; the originals of ENAS and NAO let weight decay and momentum
    act on them all the same, which in torch needs `zero_missing_gradients` before the optimizer's step.
    """

    def __init__(
        self,
        classes: int = 10,
        channels: int = 16,
        cells: int = 8,
        stem: str = "cifar",
        engine: str = "auto",
        affine: bool = False,
        partial: int = 1,
    ) -> None:
        """Build it with torch's default initialisation; ValueError for counts that make no network."""
        super().__init__()
        check_engine(engine)
        check_classes(classes)
        self.partial = check_partial(partial, channels)
        shapes = stack(channels, cells, stem)
        self.settings: dict[str, Any] = {
            "classes": classes,
            "channels": channels,
            "cells": cells,
            "stem": stem,
            "affine": affine,
        }
        self.engine = engine
        self.stem_kind = stem
        self.stem = build_stem(stem, channels)
        self.cells = nn.ModuleList(MixedCell(shape, affine, partial) for shape in shapes)
        self.classifier = nn.Linear(shapes[-1].outputs, classes)

    def forward(
        self,
        x: Tensor,
        normal_weights: Tensor | None = None,
        reduce_weights: Tensor | None = None,
        genotype: Genotype | None = None,
        *,
        normal_edges: Tensor | None = None,
        reduce_edges: Tensor | None = None,
        keep: Tensor | None = None,
    ) -> Tensor:
        """Logits [n, classes] of images [n, 3, h, w].

        Either mixed, by `normal_weights` and `reduce_weights` [14, 8] (rows as in `EDGES`, columns as in `MIXTURE`),
        or along the path of `genotype`. `normal_edges` and `reduce_edges` [14] weigh whole edges of a mixture
        (PC-DARTS's edge normalisation; without them each counts once). `keep` [cells, 14, n, 1, 1, 1] (rows as in
        `EDGES`; `network.keep_masks`) are masks of drop path along a genotype's path.
        """
        check_images(x.shape, self.stem_kind)
        mixed = normal_weights is not None and reduce_weights is not None
        if mixed == (genotype is not None) or (normal_weights is None) != (reduce_weights is None):
            raise ValueError(
                "a supernet runs on both normal_weights and reduce_weights, or on a genotype alone"
            )
        if genotype is not None:
            self._check_full("a sampled path")
        elif keep is not None:
            raise ValueError("drop path goes with a genotype's path, a mixture has none")
        mixture = (
            [] if genotype else self._mixture((normal_weights, reduce_weights), (normal_edges, reduce_edges))
        )
        mix = torch.cat([weights.reshape(-1) for weights in mixture]) if mixture else None
        engine = pick_engine(self.engine, self, x, *mixture)
        if engine == "cpp":
            from nastransfer.space.engines.planned import pooled, run_cells

            return self.classifier(pooled(run_cells(self, x, mix=mix, keep=keep, genotype=genotype)[-1]))
        if engine == "torch":
            from nastransfer.space.engines.batched import run_batched

            return self.classifier(run_batched(self, x, mix=mix, keep=keep, genotype=genotype)[0])
        older, newer = self.stem(x)
        for index, cell in enumerate(self._cells()):
            out = (
                cell.sample(older, newer, genotype, None if keep is None else keep[index])
                if genotype
                # Mixtures of both kinds of cells, then their edges' weights.
                else cell(older, newer, *mixture[cell.reduction :: 2])
            )
            older, newer = newer, out
        return self.classifier(newer.mean(dim=(2, 3)))

    def _mixture(self, operations: Sequence[Tensor | None], edges: Sequence[Tensor | None]) -> list[Tensor]:
        """Weights of operations [14, 8] in normal and reduction cells; with partial channels also of edges [14]."""
        kinds = {cell.reduction for cell in self._cells()}
        found, passing = [], []
        for reduction, (weights, whole) in enumerate(zip(operations, edges, strict=True)):
            weights = _checked(weights, len(EDGES), len(MIXTURE))
            if whole is None:
                whole = weights.new_ones(len(EDGES))
            else:
                whole = _checked(whole, len(EDGES))
                weights = weights * whole[:, None]
            # A short supernet may lack one kind of cells, whose weights then have no gradient.
            found.append(weights if reduction in kinds else weights.detach())
            passing.append(whole if reduction in kinds else whole.detach())
        return found if self.partial == 1 else found + passing

    def _check_full(self, what: str) -> None:
        if self.partial != 1:
            raise ValueError(
                f"{what} needs all channels on every edge, this supernet has partial={self.partial}"
            )

    def cut_out(self, genotype: Genotype) -> Network:
        """A Network of its own with this genotype's share of the weights and statistics, copied."""
        self._check_full("cutting out a network")
        network = Network(genotype, **self.settings).to(self.classifier.weight)
        with torch.no_grad():
            for own, cut in self._shared(network):
                cut.copy_(own)
        return network.train(self.training)

    def put_back(self, network: Network) -> None:
        """Copy the weights and statistics of a network that was cut out into their places here."""
        with torch.no_grad():
            for own, cut in self._shared(network):
                own.copy_(cut)

    def _cells(self) -> list[MixedCell]:
        return [cast(MixedCell, cell) for cell in self.cells]

    def _shared(self, network: Network) -> Iterator[tuple[Tensor, Tensor]]:
        """The tensors of this supernet and of a cut-out network that hold the same thing."""
        pairs: list[tuple[nn.Module, nn.Module]] = [
            (self.stem, network.stem),
            (self.classifier, network.classifier),
        ]
        if len(network.cells) != len(self.cells):
            raise ValueError(
                f"the network does not come from this supernet: it has {len(network.cells)} cells, "
                f"the supernet has {len(self.cells)}"
            )
        for mixed, cut_cell in zip(self._cells(), network.cells, strict=True):
            cell = cast(Cell, cut_cell)
            pairs += [(mixed.preprocess0, cell.preprocess0), (mixed.preprocess1, cell.preprocess1)]
            kept = network.genotype.cell("reduce" if mixed.reduction else "normal")
            names = [(node, edge) for node, pair in zip(CONCAT, kept, strict=True) for edge in pair]
            for (node, edge), module in zip(names, cell.edges, strict=True):
                pairs.append((mixed.operation(node, edge.source, edge.op), module))
        for own, cut in pairs:
            mine, theirs = own.state_dict(keep_vars=True), cut.state_dict(keep_vars=True)
            if {name: t.shape for name, t in mine.items()} != {name: t.shape for name, t in theirs.items()}:
                raise ValueError("the network does not come from this supernet: its layers have other shapes")
            for name, tensor in mine.items():
                yield tensor, theirs[name]


def zero_missing_gradients(module: nn.Module) -> None:
    """Give every weight without a gradient a zero one: weight decay and momentum then act on all of them (AMB-21)."""
    for parameter in module.parameters():
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)


def _checked(weights: Tensor | None, *expected: int) -> Tensor:
    if weights is None or tuple(weights.shape) != expected:
        shape = None if weights is None else tuple(weights.shape)
        raise ValueError(
            f"mixture weights have the shape {expected} (edges{' x operations' * (len(expected) > 1)}), got {shape}"
        )
    return weights
