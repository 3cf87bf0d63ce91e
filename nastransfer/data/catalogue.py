"""What is known of every public set: what it shows, its terms and published sizes, its forms on disk, how to get it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nastransfer.data.layouts import cifar, flowers, imagenet, mit67
from nastransfer.data.layouts.layout import Layout
from nastransfer.data.manifest import Manifest
from nastransfer.data.options import SplitOptions, StandardOptions
from nastransfer.data.packs import PACKS, Pack

Triple = tuple[float, float, float]

# Means and deviations as of methods.md 8.4: CIFAR's for both CIFAR sets, ImageNet's for the others.
CIFAR_MEAN: Triple = (0.49139968, 0.48215827, 0.44653124)
CIFAR_STD: Triple = (0.24703233, 0.24348505, 0.26158768)
IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)

_RESEARCH = "research and testing only; "
_IMAGENET_TERMS = "non-commercial research and education only, no redistribution; image-net.org/download"
_PACK = "put {file} (a pack: see README) into a folder and set NASTRANSFER_DATA to it"
_DOWNLOAD = 'nt.open_dataset("{name}", root=<folder>, download=True), or '


@dataclass(frozen=True)
class PublicSet:
    """A public set. published: images a part in the set's default split; other_splits: the same by the name of
    the split where the set has others ("all": only the sum is known).

    pixels: side of the images where the publisher's layout is opened (a pack has its own). pack: the set, or a part of
    it, in one Parquet file; it is read where the publisher's layout is absent.
    """

    domain: str
    terms: str
    how_to_get: str
    published: Mapping[str, int]
    other_splits: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    layout: Layout | None = None
    pack: Pack | None = None
    options: type[SplitOptions] = StandardOptions
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD
    flip: bool = True
    pixels: int = 224

    def size_notes(self, manifest: Manifest, split: str | None) -> tuple[str, ...]:
        """A sentence for every part that does not have the published number of images."""
        expected = self.other_splits.get(split or "", self.published)
        found = {part: manifest.count(None if part == "all" else part) for part in expected}
        return tuple(
            f"{found[part]:,} images in {part}, published are {number:,}"
            for part, number in expected.items()
            if found[part] != number
        )


def _cifar(name: str, layout: Layout) -> PublicSet:
    """Either of the two: they differ in their classes only."""
    return PublicSet(
        domain="photographs of objects",
        terms=_RESEARCH + "Krizhevsky 2009",
        how_to_get=_DOWNLOAD.format(name=name) + _PACK.format(file=f"{name}.parquet"),
        published={"train": 50_000, "test": 10_000},
        layout=layout,
        pack=PACKS[name],
        options=cifar.CifarOptions,
        mean=CIFAR_MEAN,
        std=CIFAR_STD,
        pixels=32,
    )


PUBLIC: dict[str, PublicSet] = {
    "cifar10": _cifar("cifar10", cifar.CIFAR10_LAYOUT),
    "cifar100": _cifar("cifar100", cifar.CIFAR100_LAYOUT),
    "flowers102": PublicSet(
        domain="photographs of flowers",
        terms=_RESEARCH + "Nilsback and Zisserman 2008",
        how_to_get=_DOWNLOAD.format(name="flowers102") + _PACK.format(file="flowers102.parquet"),
        published={"train": 6_507, "test": 1_682},
        other_splits={"official": {"train": 1_020, "val": 1_020, "test": 6_149}},
        layout=flowers.LAYOUT,
        pack=PACKS["flowers102"],
        options=flowers.FlowersOptions,
    ),
    "mit67": PublicSet(
        domain="photographs of indoor scenes",
        terms=_RESEARCH + "Quattoni and Torralba 2009",
        how_to_get="unpack indoorCVPR_09.tar of web.mit.edu/torralba/www/indoor.html into <folder>/mit67, with "
        "TrainImages.txt and TestImages.txt of the same page beside Images, and set NASTRANSFER_DATA to <folder>",
        published={"train": 5_360, "test": 1_340},
        other_splits={"nas_benchmark": {"all": 15_620}},
        layout=mit67.LAYOUT,
        options=mit67.Mit67Options,
    ),
    "imagenet1k": PublicSet(
        domain="photographs of objects",
        terms=_IMAGENET_TERMS,
        how_to_get="register at image-net.org (research only), put ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar "
        "and ILSVRC2012_devkit_t12.tar.gz into <folder>/imagenet1k, as they are (tars are read in place; class folders "
        "imagenet1k/train and val do as well), and set NASTRANSFER_DATA to <folder>",
        published={"train": 1_281_167, "test": 50_000},
        layout=imagenet.IMAGENET1K,
    ),
    "imagenet22k": PublicSet(
        domain="photographs of objects",
        terms=_IMAGENET_TERMS,
        how_to_get="register at image-net.org (research only), put the fall 2011 release's tars, one a class, into "
        "<folder>/imagenet22k/n00004475.tar and so on (they are read in place and need not be unpacked; class folders "
        "do as well), and set NASTRANSFER_DATA to <folder>",
        # The sum of the release's 21,841 class counts, cut class by class; image-net.org speaks of 14,197,122 images.
        published={"train": 7_343_555, "test": 6_853_559},
        layout=imagenet.IMAGENET22K,
    ),
    "tiny_imagenet200": PublicSet(
        domain="photographs of objects",
        terms=_RESEARCH + "ImageNet's terms",
        how_to_get=_PACK.format(file="tiny_imagenet200.parquet"),
        published={"train": 100_000, "test": 10_000},
        pack=PACKS["tiny_imagenet200"],
        pixels=64,
    ),
    "scene15": PublicSet(
        domain="grey photographs of scenes",
        terms=_RESEARCH + "Lazebnik et al. 2006",
        how_to_get=_PACK.format(file="scene15.parquet"),
        published={"train": 1_500, "test": 2_985},
        pack=PACKS["scene15"],
        pixels=64,
    ),
    "imagenet1k_one_per_class": PublicSet(
        domain="photographs of objects",
        terms=_IMAGENET_TERMS,
        how_to_get=_PACK.format(file="imagenet1k_one_per_class.parquet"),
        published={"train": 1_000},
        pack=PACKS["imagenet1k_one_per_class"],
        pixels=64,
    ),
}
