"""Final weights of a training in one file that also says what they are: safetensors, read without pickle.

The description is JSON in the file's own metadata, so weights and what is said of them cannot part.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

import nastransfer
from nastransfer.data.dataset import Dataset
from nastransfer.disk import write_atomic
from nastransfer.train.architecture import Architecture, read_architecture
from nastransfer.train.device import place
from nastransfer.train.networks import TrainedNetwork, build
from nastransfer.train.protocol import Protocol
from nastransfer.train.settings import Strict

if TYPE_CHECKING:
    from nastransfer.train.augment import AugmentResult

_ABOUT = "nastransfer"
# What other readers of such files look for: tensors of torch.
_METADATA = {"format": "pt"}
_CPU = torch.device("cpu")


class Kept(Strict):
    """What a trained network is, on what it was trained, and how it did.

    architecture: `Genotype(...)` text, or a reference's name. pixels: side of its images, whose values in 0..1 are
    normalised by `mean` and `std` of each colour. images: content hash of the manifest. Accuracies are of the test
    part, percent.
    """

    architecture: str
    classes: tuple[str, ...]
    stem: Literal["cifar", "imagenet"]
    pixels: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    dataset: str
    domain: str
    synthetic: bool
    terms: str
    images: str
    protocol: Protocol
    seed: int
    n_train: int
    n_test: int
    top1_last: float
    top1_best: float
    top5_last: float | None
    params: int
    macs: int
    versions: str

    @property
    def network(self) -> Architecture:
        """The architecture itself."""
        return read_architecture(self.architecture)

    def build(self, engine: str = "auto") -> TrainedNetwork:
        """The network with fresh weights, on the CPU, in evaluation mode, laid out in memory as it was trained."""
        network = build(
            self.network,
            classes=len(self.classes),
            channels=self.protocol.channels,
            cells=self.protocol.cells,
            stem=self.stem,
            engine=engine,
        )
        return place(network, _CPU).eval()


def describe(result: AugmentResult, dataset: Dataset) -> Kept:
    """What is to be known of the network that `result` is about, trained on `dataset`."""
    side = dataset.side_at(result.protocol.resolution)
    said = {
        name: getattr(dataset, name) for name in ("classes", "mean", "std", "domain", "synthetic", "terms")
    }
    scores = ("n_train", "n_test", "top1_last", "top1_best", "top5_last", "params", "macs")
    return Kept(
        architecture=str(result.genotype),
        stem=dataset.stem_at(side),
        pixels=side,
        dataset=dataset.name,
        images=dataset.manifest.hash,
        protocol=result.protocol,
        seed=result.seed,
        versions=f"nastransfer={nastransfer.__version__},torch={torch.__version__}",
        **said,
        **{name: getattr(result, name) for name in scores},
    )


def keep_weights(path: Path, network: nn.Module, kept: Kept) -> None:
    """Write the weights of `network` and what they are to `path`: there whole, or not at all.

    The auxiliary head, which only training needs, is left out.
    """
    tensors = {
        name: value.detach().cpu().contiguous()
        for name, value in network.state_dict().items()
        if not name.startswith("auxiliary.")
    }
    write_atomic(path, save(tensors, _METADATA | {_ABOUT: kept.model_dump_json()}))


def read_weights(path: Path) -> tuple[dict[str, Tensor], Kept]:
    """What `keep_weights` wrote; `ValueError` for a file that is missing, damaged or of something else."""
    if not path.is_file():
        raise ValueError(f"there is no file of weights {str(path)!r}")
    try:
        with safe_open(path, framework="pt") as file:
            about = (file.metadata() or {}).get(_ABOUT)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged, or no safetensors file: {error}") from None
    if about is None:
        raise ValueError(f"{path} does not say which network it is of: it was not written by nastransfer")
    try:
        return tensors, Kept.model_validate_json(about)
    except ValidationError as error:
        raise ValueError(
            f"what {path} says of its network is not understood (another version wrote it): {error}"
        ) from None


def load_weights(network: nn.Module, tensors: dict[str, Tensor], kept: Kept, where: str) -> None:
    """Put `tensors` into the network that `kept` describes; one `ValueError` says what does not fit."""
    needed = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    wrong = sorted(name for name in needed.keys() | found.keys() if needed.get(name) != found.get(name))
    if not wrong:
        network.load_state_dict(tensors)
        return
    first = wrong[0]
    differing = (
        f"{len(wrong)} of {len(needed)} tensors, such as {first!r}: {found.get(first, 'missing')} in the file, "
        f"{needed.get(first, 'none')} in the network"
    )
    if all(name.startswith(("classifier.", "fc.")) for name in wrong):
        reason = f"its classifier is not one for {len(kept.classes)} classes"
    else:
        protocol = kept.protocol
        reason = (
            f"it is not of this network ({protocol.cells} cells, {protocol.channels} channels, stem {kept.stem!r}, "
            f"{kept.architecture})"
        )
    raise ValueError(f"{where} does not fit: {reason}; {differing}")
