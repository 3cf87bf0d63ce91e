"""Networks and supernets by torch's own operations, in fewer and larger ones: for GPUs, and where no compiler is.

Mixed cells are in `mixed.py`: all edges that leave a node run together. Cells along a path have nothing to stack;
they are in `paths.py` and run channels-last, pools once a source.

The plain modules own all parameters and statistics: they are stacked anew in every pass, and gradients reach them
through that. Nothing here waits for a device or looks at values, so that a CUDA graph can capture a whole step.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor

from nastransfer.space.engines.choice import norm_mode
from nastransfer.space.engines.depthwise import channels_last
from nastransfer.space.engines.maps import NUM_MIXES
from nastransfer.space.engines.mixed import by_source, run_mixed
from nastransfer.space.engines.paths import fixed_edges, run_path, sampled_edges, taken_rows
from nastransfer.space.engines.planned import runner
from nastransfer.space.engines.stacked_norms import Norms
from nastransfer.space.genotype import EDGES, MIXTURE, Genotype
from nastransfer.space.network import Cell, Network
from nastransfer.space.supernet import MixedCell, Supernet


def run_batched(
    module: Network | Supernet,
    x: Tensor,
    *,
    mix: Tensor | None = None,
    keep: Tensor | None = None,
    genotype: Genotype | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Pooled features [n, 4 * width] of images [n, 3, h, w], and the map [n, 4 * width, h, w] of the auxiliary head.

    A supernet runs on `mix` [2 * 14 * 8], the mixture weights of normal and reduction cells (with partial channels
    then [2 * 14] of what passes their edges), or along `genotype`. `keep` are the masks of drop path, of a network
    [cells, 8, n, 1, 1, 1], of a supernet's path [cells, 14, n, 1, 1, 1]. ValueError for a mixture through batch norms
    in different modes.
    """
    older, newer = (channels_last(out) for out in module.stem(channels_last(x)))
    auxiliary_map = None
    if isinstance(module, Network):
        for index, cell in enumerate(cast("list[Cell]", list(module.cells))):
            masks = None if keep is None else keep[index]
            older, newer = newer, run_path(cell, older, newer, fixed_edges(cell), masks)
            if index == module.auxiliary_cell and module.auxiliary is not None:
                auxiliary_map = newer
        return newer.mean(dim=(2, 3)), auxiliary_map
    cells = cast("list[MixedCell]", list(module.cells))
    if genotype is not None:
        for index, mixed in enumerate(cells):
            masks = None if keep is None else keep[index, taken_rows(mixed, genotype)]
            older, newer = newer, run_path(mixed, older, newer, sampled_edges(mixed, genotype), masks)
        return newer.mean(dim=(2, 3)), None
    assert mix is not None
    mode = norm_mode(runner(module).parts(module).norms)
    if mode is None:
        raise ValueError(
            "engine='torch' cannot mix through batch norms in different modes; use engine='plain'"
        )
    norms = Norms(mode)
    mix = mix.to(x.dtype)
    weights = [by_source(rows) for rows in mix[:NUM_MIXES].view(2, len(EDGES), len(MIXTURE))]
    passing = list(mix[NUM_MIXES:].view(2, len(EDGES))) if module.partial > 1 else [None, None]
    for mixed in cells:
        kind = mixed.reduction
        older, newer = newer, run_mixed(mixed, older, newer, weights[kind], norms, passing[kind])
    norms.remember()
    return newer.mean(dim=(2, 3)), None
