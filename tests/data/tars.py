"""Tars as image-net.org publishes them, for tests: one a class, a tar of tars, and the validation images' tar."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path


def tar_of(files: Mapping[str, bytes] | Iterable[tuple[str, bytes]], form: int = tarfile.GNU_FORMAT) -> bytes:
    """A tar of files by name, in this order; a name may stand twice."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for name, content in files.items() if isinstance(files, Mapping) else files:
            about = tarfile.TarInfo(name)
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))
    return buffer.getvalue()


def class_tars(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """`<class>/<image>` -> content, as one tar a class: `<class>.tar` -> its bytes."""
    classes: dict[str, dict[str, bytes]] = {}
    for path, content in files.items():
        folder, _, name = path.rpartition("/")
        classes.setdefault(folder, {})[name] = content
    return {f"{folder}.tar": tar_of(inside) for folder, inside in classes.items()}


def write_train_tar(root: Path, files: Mapping[str, bytes]) -> Path:
    """ILSVRC2012_img_train.tar below `root`, of images by `<class>/<image>`."""
    root.mkdir(parents=True, exist_ok=True)
    path = root / "ILSVRC2012_img_train.tar"
    path.write_bytes(tar_of(class_tars(files)))
    return path


def write_val_tar(root: Path, files: Mapping[str, bytes]) -> Path:
    """ILSVRC2012_img_val.tar below `root`, of images by name."""
    path = root / "ILSVRC2012_img_val.tar"
    path.write_bytes(tar_of(files))
    return path


def write_kit_tar(root: Path) -> None:
    """The development kit below `root` packed as it is published, and the unpacked one removed."""
    kit = root / "ILSVRC2012_devkit_t12"
    with tarfile.open(root / "ILSVRC2012_devkit_t12.tar.gz", "w:gz") as tar:
        tar.add(kit, kit.name)
    for path in sorted(kit.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    kit.rmdir()
