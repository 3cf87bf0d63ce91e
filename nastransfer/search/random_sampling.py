"""Random sampling, the baseline of relative improvement: one uniform draw, no search (methods.md 6.1; no torch)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import ClassVar, final

from nastransfer.data.streams import Streams
from nastransfer.search.searcher import Presets, SearchData, Searcher, SearchStep
from nastransfer.space.genotype import Genotype


@final
class RandomSampling(Searcher):
    """A genotype drawn uniformly from the space: 7 operations, two distinct sources a node (AMB-2). Sees no image."""

    method: ClassVar[str] = "random"
    title: ClassVar[str] = "random sampling"
    presets: ClassVar[Presets] = {name: {} for name in ("paper", "short", "small", "tiny")}
    preset_version: ClassVar[int] = 1

    def search(self, data: SearchData, streams: Streams) -> Iterator[SearchStep]:  # noqa: ARG002 (sees no image)
        """One step: the genotype drawn from the stream "genotype"."""
        started = time.perf_counter()
        genotype = Genotype.random(streams.numpy("genotype"))
        yield SearchStep(1, 1, genotype, cost={"seconds": time.perf_counter() - started, "images_seen": 0})
