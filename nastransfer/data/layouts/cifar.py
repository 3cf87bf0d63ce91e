"""CIFAR-10 and CIFAR-100 as published: folders of "python version" batches (Krizhevsky 2009).

https://www.cs.toronto.edu/~kriz/cifar.html; md5 of the files as in torchvision's lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import Field

from nastransfer.data.layouts.batches import SIDE, read_batch_file
from nastransfer.data.layouts.layout import Index, Layout, need
from nastransfer.data.manifest import PART, Manifest, mix_keys, name_key
from nastransfer.data.options import StandardOptions


class CifarOptions(StandardOptions):
    """Options of `cifar10` and `cifar100`."""

    checksums: bool = Field(
        default=True,
        description="refuse batches whose md5 is not the published one; false: own files in this layout",
    )


@dataclass(frozen=True)
class Batches:
    """Names and keys of one of the two sets; `train` and `test`: file -> md5, `names`: (file, md5)."""

    train: Mapping[str, str]
    test: Mapping[str, str]
    names: tuple[str, str]
    names_key: str
    label_key: str


CIFAR10 = Batches(
    train={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    },
    test={"test_batch": "40351d587109b95175f43aff81a1287e"},
    names=("batches.meta", "5ff9c542aee3614f3951f8cda6e48888"),
    names_key="label_names",
    label_key="labels",
)
CIFAR100 = Batches(
    train={"train": "16019d7e3df5f24257cddd939b257f8d"},
    test={"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
    names=("meta", "7973b15100ade9c7d40fb424638fde48"),
    names_key="fine_label_names",
    label_key="fine_labels",
)


def _index(batches: Batches, dataset: str, root: Path, options: CifarOptions) -> Index:
    """Labels and images share the files, so these are read whole; the images are not kept."""
    parts = {"train": batches.train, "test": batches.test}
    need(root, {name: "images" for files in parts.values() for name in files} | {batches.names[0]: "names"})
    names = read_batch_file(root / batches.names[0], batches.names[1] if options.checksums else None)
    classes = names.names(batches.names_key)
    columns: dict[str, list] = {"label": [], "part": [], "key": [], "container": [], "offset": []}
    for part, files in parts.items():
        for name, md5 in files.items():
            batch = read_batch_file(root / name, md5 if options.checksums else None)
            label = batch.labels(batches.label_key)
            if len(label) != len(batch.images()):
                raise ValueError(f"{root / name}: {len(label)} labels for {len(batch.images())} images")
            row = np.arange(len(label))
            columns["label"].append(label)
            columns["key"].append(mix_keys(name_key(dataset, name), row))
            columns["offset"].append(row)
            columns["part"].append(pl.repeat(part, len(row), dtype=pl.String, eager=True))
            # The digest makes another file under this name another set.
            columns["container"].append(pl.repeat(f"{name}@{batch.md5}", len(row), eager=True))
    manifest = Manifest.build(
        dataset,
        classes,
        label=np.concatenate(columns["label"]),
        part=pl.concat(columns["part"]).cast(PART),
        key=np.concatenate(columns["key"]),
        container=pl.concat(columns["container"]),
        offset=np.concatenate(columns["offset"]),
    )
    return Index(manifest, read=partial(_read, root))


def _read(root: Path, manifest: Manifest) -> np.ndarray:
    rows = manifest.rows
    container, offset = rows["container"].cast(pl.String), rows["offset"].to_numpy()
    images = np.empty((len(rows), 3, SIDE, SIDE), np.uint8)
    for name in container.unique():
        chosen = (container == name).to_numpy()
        images[chosen] = _images(root, name)[offset[chosen]]
    return images


@lru_cache(maxsize=12)
def _images(root: Path, container: str) -> np.ndarray:
    name, _, md5 = container.rpartition("@")
    batch = read_batch_file(root / name, None)
    if batch.md5 != md5:
        raise ValueError(
            f"{root / name} was changed after it was indexed (md5 {batch.md5}, was {md5}): open the set anew"
        )
    return batch.images()


def _found(batches: Batches, root: Path) -> bool:
    return any((root / name).is_file() for name in (batches.names[0], *batches.train, *batches.test))


def _download(class_name: str, folder: Path) -> None:
    import torchvision.datasets
    from torchvision.datasets.utils import download_and_extract_archive

    # Address and md5 are torchvision's; its class is not made, since that would unpickle the files.
    public = getattr(torchvision.datasets, class_name)
    download_and_extract_archive(public.url, str(folder), filename=public.filename, md5=public.tgz_md5)


def _layout(batches: Batches, folder: str, class_name: str) -> Layout:
    return Layout(
        form="CIFAR python batches",
        folders=(folder,),
        found=partial(_found, batches),
        index=partial(_index, batches),
        download=partial(_download, class_name),
    )


CIFAR10_LAYOUT = _layout(CIFAR10, "cifar-10-batches-py", "CIFAR10")
CIFAR100_LAYOUT = _layout(CIFAR100, "cifar-100-python", "CIFAR100")
