"""Oxford Flowers 102 as published: `jpg/image_00001.jpg` and so on, `imagelabels.mat`, `setid.mat`.

Nilsback, Zisserman 2008; https://www.robots.ox.ac.uk/~vgg/data/flowers/102/. Names of the classes and md5 of the files
as in torchvision.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from pydantic import Field

from nastransfer.data.layouts.layout import Index, Layout, missing_note, need, per_class_80
from nastransfer.data.layouts.matlab import read_matlab
from nastransfer.data.manifest import Manifest, path_keys
from nastransfer.data.options import OTHER_SPLIT_SAYS, SplitOptions

MD5 = {
    "imagelabels.mat": "e0620be6f572b9609742df49c70aed4d",
    "setid.mat": "a5357ecc9cb78c4bef273ce3793fc85c",
}
CLASSES = tuple(
    """pink primrose, hard-leaved pocket orchid, canterbury bells, sweet pea, english marigold, tiger lily, moon
orchid, bird of paradise, monkshood, globe thistle, snapdragon, colt's foot, king protea, spear thistle,
yellow iris, globe-flower, purple coneflower, peruvian lily, balloon flower, giant white arum lily, fire
lily, pincushion flower, fritillary, red ginger, grape hyacinth, corn poppy, prince of wales feathers,
stemless gentian, artichoke, sweet william, carnation, garden phlox, love in the mist, mexican aster, alpine
sea holly, ruby-lipped cattleya, cape flower, great masterwort, siam tulip, lenten rose, barbeton daisy,
daffodil, sword lily, poinsettia, bolero deep blue, wallflower, marigold, buttercup, oxeye daisy, common
dandelion, petunia, wild pansy, primula, sunflower, pelargonium, bishop of llandaff, gaura, geranium, orange
dahlia, pink-yellow dahlia?, cautleya spicata, japanese anemone, black-eyed susan, silverbush, californian
poppy, osteospermum, spring crocus, bearded iris, windflower, tree poppy, gazania, azalea, water lily, rose,
thorn apple, morning glory, passion flower, lotus, toad lily, anthurium, frangipani, clematis, hibiscus,
columbine, desert-rose, tree mallow, magnolia, cyclamen, watercress, canna lily, hippeastrum, bee balm, ball
moss, foxglove, bougainvillea, camellia, mallow, mexican petunia, bromelia, blanket flower, trumpet creeper,
blackberry lily""".replace("\n", " ").split(", ")
)
_OFFICIAL = {"trnid": 0, "valid": 1, "tstid": 2}


class FlowersOptions(SplitOptions):
    """Options of `flowers102`."""

    split: Literal["nas_benchmark", "official", "40-40-20"] = Field(
        default="nas_benchmark",
        description="nas_benchmark: of every class 80% of the images, by key, for training, the rest for testing "
        "(6,507 and 1,682); official: the publisher's 1,020 training, 1,020 validation and 6,149 test images; "
        f"{OTHER_SPLIT_SAYS}",
    )


def _index(dataset: str, root: Path, options: FlowersOptions) -> Index:
    need(root, {"jpg": "images", "imagelabels.mat": "labels", "setid.mat": "parts"})
    label = _numbers(root / "imagelabels.mat", "labels").astype(np.int64) - 1
    if len(label) and not 0 <= label.min() <= label.max() < len(CLASSES):
        found = f"{label.min() + 1} to {label.max() + 1}"
        raise ValueError(f"{root / 'imagelabels.mat'}: labels must be 1 to {len(CLASSES)}, got {found}")
    part = _official_parts(root / "setid.mat", len(label))
    names = np.array([f"image_{number:05d}.jpg" for number in range(1, len(label) + 1)])
    key = path_keys(dataset, pl.Series([f"jpg/{name}" for name in names], dtype=pl.String))
    if options.split != "official":
        # Of all labelled images, so that the parts do not depend on which of them are there.
        part = per_class_80(label, key)
    there = {entry.name for entry in os.scandir(root / "jpg")}
    present = np.array([name in there for name in names], bool)
    manifest = Manifest.build(
        dataset,
        CLASSES,
        label=label[present],
        part=part[present],
        key=key[present],
        container="jpg",
        name=pl.Series(names[present], dtype=pl.String),
    )
    notes = missing_note(names[~present].tolist(), len(names), "images of imagelabels.mat")
    return Index(manifest, notes=notes + _other_files(root))


def _official_parts(path: Path, images: int) -> np.ndarray:
    part = np.full(images, -1, np.int64)
    for key, code in _OFFICIAL.items():
        number = _numbers(path, key).astype(np.int64)
        if len(number) and not 1 <= number.min() <= number.max() <= images:
            raise ValueError(
                f"{path}: {key!r} must hold images 1 to {images}, got {number.min()} to {number.max()}"
            )
        ids, times = np.unique(number, return_counts=True)
        twice = ids[(times > 1) | (part[ids - 1] >= 0)]
        if len(twice):
            raise ValueError(
                f"{path}: an image must be in one part, {key!r} repeats images, such as {twice[:3].tolist()}"
            )
        part[number - 1] = code
    lost = np.flatnonzero(part < 0) + 1
    if len(lost):
        raise ValueError(f"{path}: {len(lost)} images are in no part, such as {lost[:3].tolist()}")
    return part


def _numbers(path: Path, key: str) -> np.ndarray:
    values = read_matlab(path, key)
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{path}: {key!r} must hold numbers, got {values.dtype}")
    return values.reshape(-1)


def _other_files(root: Path) -> tuple[str, ...]:
    """A note for label and part files that are not the published ones."""
    digests = {
        name: hashlib.md5((root / name).read_bytes(), usedforsecurity=False).hexdigest() for name in MD5
    }
    return tuple(
        f"{name} is not the published file (md5 {digest}, published {MD5[name]})"
        for name, digest in digests.items()
        if digest != MD5[name]
    )


def _found(root: Path) -> bool:
    return (root / "jpg").is_dir() and any((root / name).is_file() for name in MD5)


def _download(folder: Path) -> None:
    from torchvision.datasets import Flowers102

    Flowers102(str(folder), download=True)


LAYOUT = Layout(
    form="jpg, imagelabels.mat, setid.mat",
    folders=("flowers-102", "flowers102", "102flowers"),
    found=_found,
    index=_index,
    download=_download,
)
