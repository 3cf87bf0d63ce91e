"""What every layout gives: where it is looked for, how it is recognised, and its index made without reading images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nastransfer.data.dataset import Dataset, Reader, file_reader, no_rejects, stem_of
from nastransfer.data.manifest import Manifest
from nastransfer.data.splits import rank_within

Channels = tuple[float, float, float]


@dataclass(frozen=True)
class Index:
    """What a layout finds: the manifest, what it left out and why, and how the images are read.

    read: None where every image is a file of its own or a member of an archive. notes: what is missing or unusual, a
    sentence each. form: how the set lies here, where its layout has several forms.
    """

    manifest: Manifest
    read: Reader | None = None
    rejects: pl.DataFrame = field(default_factory=no_rejects)
    notes: tuple[str, ...] = ()
    form: str | None = None

    def opened(
        self,
        root: Path,
        *,
        form: str,
        pixels: int,
        flip: bool,
        mean: Channels,
        std: Channels,
        domain: str,
        terms: str,
        notes: tuple[str, ...] = (),
    ) -> Dataset:
        """The data set, with what is known of it besides; fields as of `Dataset`, `notes` after the index's own."""
        return Dataset(
            name=self.manifest.dataset,
            manifest=self.manifest,
            mean=mean,
            std=std,
            terms=terms,
            synthetic=False,
            domain=domain,
            flip=flip,
            stem=stem_of(pixels),
            pixels=pixels,
            read=self.read if self.read is not None else file_reader(root, pixels),
            root=root,
            form=self.form or form,
            rejects=self.rejects,
            notes=self.notes + notes,
        )


@dataclass(frozen=True)
class Layout:
    """A publisher's layout. folders: names it has below a folder of data sets; found: whether a folder holds it.

    index: set's name, folder and options -> `Index`; `ValueError` where files are missing or not as published.
    download: fetches the set into a folder of data sets; None where the publisher asks for a registration.
    """

    form: str
    folders: tuple[str, ...]
    found: Callable[[Path], bool]
    index: Callable[[str, Path, Any], Index]
    download: Callable[[Path], None] | None = None

    def find(self, places: list[Path]) -> Path | None:
        """The first folder that holds the set: one of `places`, or one of its usual names below them."""
        return next((folder for folder in self.candidates(places) if self.found(folder)), None)

    def candidates(self, places: list[Path]) -> list[Path]:
        """The folders looked at, in this order."""
        return [folder for place in places for folder in (*(place / name for name in self.folders), place)]


def per_class_80(label: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Codes of parts: of every class floor(0.8 n) images by key are for training, the rest for testing.

    NAS-Benchmark's split (methods.md 8.3), with the stable key in the place of its unrecorded draw.
    """
    sizes = np.bincount(label)
    return np.where(rank_within(label, key) < sizes[label] * 4 // 5, 0, 2)


def need(root: Path, names: Mapping[str, str]) -> None:
    """`ValueError` naming the files that are not in `root`; `names` says what each of them holds."""
    missing = [f"{name} ({what})" for name, what in names.items() if not (root / name).exists()]
    if missing:
        raise ValueError(f"{root} lacks {', '.join(missing)}: get the missing files, or name another root")


def missing_note(names: list[str], total: int, what: str) -> tuple[str, ...]:
    """A note for images that are listed by the publisher and not there; none where nothing is missing."""
    if not names:
        return ()
    return (f"{len(names)} of the {total} {what} are missing, such as {', '.join(sorted(names)[:3])}",)
