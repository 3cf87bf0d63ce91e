"""A trained network as a folder for others: weights, genotype, model card, and a program that torch alone can run.

model.safetensors   the weights, and what they are in the file's metadata (`nastransfer.train.kept`)
genotype.json       both cells, as `Genotype.parse` reads them; absent where the network is no genotype's
README.md           the model card, in Hugging Face's form
network.pt2         the same network by `torch.export`, for any number of images; it needs torch, and nothing from here
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from nastransfer.disk import save_atomic, write_atomic
from nastransfer.space.genotype import Genotype
from nastransfer.space.skeleton import IMAGE_CHANNELS
from nastransfer.train.card import model_card
from nastransfer.train.kept import Kept, load_weights, read_weights
from nastransfer.train.networks import TrainedNetwork

WEIGHTS, GENOTYPE, CARD, PROGRAM = "model.safetensors", "genotype.json", "README.md", "network.pt2"


def export_weights(
    weights: str | Path,
    folder: str | Path,
    *,
    origin: Mapping[str, str] | None = None,
    program: bool = True,
) -> Path:
    """Write the folder of a network whose final weights `nastransfer.train.kept` keeps in a file; returns its path.

    The folder must not exist, or be empty; it is there whole or not at all. `origin` are further lines of the card's
    table of origins, by name. `program`: whether `network.pt2` is written, some seconds for a deep network.
    """
    weights, folder = Path(weights), Path(folder)
    tensors, kept = read_weights(weights)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{str(folder)!r} is not an empty folder: an export goes into one of its own")
    aside = folder.with_name(f".{folder.resolve().name}.{os.getpid()}.aside")
    try:
        write_atomic(aside / WEIGHTS, weights.read_bytes())
        if isinstance(kept.network, Genotype):
            write_atomic(aside / GENOTYPE, kept.network.to_json().encode() + b"\n")
        if program:
            save_program(kept, tensors, aside / PROGRAM)
        write_atomic(aside / CARD, model_card(kept, origin or {}, program=program).encode())
        aside.replace(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def load_network(folder: str | Path) -> TrainedNetwork:
    """The network of an exported folder with its weights, on the CPU, in evaluation mode.

    It gives logits [n, classes] of normalised images [n, 3, h, w] (the model card has the numbers), the same bits as
    the trained network at equal threads. Only the weights and the genotype are read, never a pickle. `ValueError` says
    what is missing, damaged, or does not fit the rest.
    """
    folder = Path(folder)
    tensors, kept = read_weights(folder / WEIGHTS)
    if isinstance(kept.network, Genotype):
        _check_genotype(folder / GENOTYPE, kept.network)
    network = kept.build()
    load_weights(network, tensors, kept, str(folder / WEIGHTS))
    return network


def _check_genotype(path: Path, trained: Genotype) -> None:
    """Cells that differ in pools or skips have weights of the same shapes, so the shapes alone do not tell."""
    if not path.is_file():
        raise ValueError(
            f"there is no {str(path)!r}: the folder of an exported network has the genotype there"
        )
    found = Genotype.parse(path.read_text(encoding="utf-8"))
    if found != trained:
        raise ValueError(
            f"{path} does not fit: it has genotype {found.digest}, the weights are of genotype {trained.digest}"
        )


def save_program(kept: Kept, tensors: dict[str, Tensor], path: Path) -> None:
    """The network with these weights as `torch.export` writes it: fp32, plain operations, any number of images."""
    network = kept.build(engine="plain").to(memory_format=torch.contiguous_format)
    load_weights(network, tensors, kept, str(path))
    # Two images: one would be taken for the only number there is.
    images = torch.zeros(2, IMAGE_CHANNELS, kept.pixels, kept.pixels)
    number = torch.export.Dim("images", min=1)
    exported = torch.export.export(network, (images,), dynamic_shapes=({0: number},))
    save_atomic(path, lambda aside: _save(exported, aside))


def _save(exported: torch.export.ExportedProgram, path: Path) -> None:
    """By an open file: torch warns of names that do not end in .pt2."""
    with path.open("wb") as file:
        torch.export.save(exported, file)
