"""A search method without torch: the largest of some random genotypes, in a tenth of a second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

import nastransfer as nt


class Guess(nt.Searcher):
    """Draws genotypes; the last one in alphabetical order is the answer."""

    method = "guess"
    draws: int = 5
    seconds: float = 0.1

    def search(self, data: Any, streams: Any) -> Iterator[nt.SearchStep]:
        """One step a draw. Two sources give two genotypes: of equal trainings, time decides which is linked."""
        rng = np.random.default_rng(streams.seed("draws", data.classes))
        best = nt.Genotype.random(rng)
        for number in range(1, self.draws + 1):
            time.sleep(self.seconds / self.draws)
            best = max(best, nt.Genotype.random(rng), key=str)
            yield nt.SearchStep(number, self.draws, best)
