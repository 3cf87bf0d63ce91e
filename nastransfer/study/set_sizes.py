"""How many images a set or proxy has, without its images where papers and publishers say it (no torch).

What a study computes can so be counted on a machine that has none of its sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from nastransfer.data.catalogue import PUBLIC
from nastransfer.data.dataset import stem_of
from nastransfer.data.proxies import proxies
from nastransfer.study.published import published_sets
from nastransfer.study.source import Source
from nastransfer.study.sources import open_source

Stem = Literal["cifar", "imagenet"]
_UNITS = {"K": 1_000.0, "M": 1_000_000.0}


@dataclass(frozen=True)
class SetSize:
    """Images apart from the test part (a search halves them, a training trains on them), images of the test part,
    classes, pixels a side, whether networks see it as CIFAR's sets whatever its side, and where all this is from.
    """

    images: int
    tested: int
    classes: int
    side: int
    small: bool
    said: str

    def stem_at(self, side: int) -> Stem:
        """The networks' first layers for images of this side."""
        return "cifar" if self.small else stem_of(side)


def set_size(source: Source) -> SetSize:
    """The size of a source or target: published, else as NASTransfer's Table 1 prints it, else of the set as it is.

    Published sizes are those of the publisher's own images (224 pixels a side where these have any size), whatever
    reduced copy of them is here. `ValueError` where a set is neither described nor on this machine.
    """
    if source.dataset in PUBLIC and not source.options:
        found = _published(source.dataset) if source.proxy is None else _printed_proxy(source)
        if found is not None:
            return found
    dataset = open_source(source)
    side = dataset.side_at(None)
    tested = dataset.manifest.count("test")
    images = len(dataset.manifest) - tested
    small = dataset.stem == "cifar"
    return SetSize(images, tested, len(dataset.classes), side, small, "the set on this machine")


def _published(name: str) -> SetSize | None:
    """A whole set; None where its number of classes is not printed."""
    rows = published_sets().filter(name=name)
    if rows.is_empty():
        return None
    known = PUBLIC[name]
    tested = known.published.get("test", 0)
    images = sum(known.published.values()) - tested
    small = stem_of(known.pixels) == "cifar"
    return SetSize(images, tested, rows["classes"].item(), known.pixels, small, "published")


def _printed_proxy(source: Source) -> SetSize | None:
    """A proxy of Table 1; None where it is another one.

    The printed val part is what is judged by in a search on ImageNet22K's, and a test part elsewhere.
    """
    asked = source.proxy
    if asked is None or asked.name is None or proxies().get(asked.name) != asked:
        return None
    for row in published_sets().filter(pl.col("name") == asked.name).iter_rows(named=True):
        train, val = (round(float(row[part][:-1]) * _UNITS[row[part][-1]]) for part in ("train", "val"))
        images, tested = (train + val, 0) if asked.parts == "halves" else (train, val)
        side = asked.resolution or PUBLIC[source.dataset].pixels
        small = stem_of(PUBLIC[source.dataset].pixels) == "cifar"
        return SetSize(images, tested, row["classes"], side, small, "as printed in Table 1")
    return None
