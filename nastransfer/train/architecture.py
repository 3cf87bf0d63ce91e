"""What can be trained from scratch: the network of a genotype, or one that people know by its name (no torch)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nastransfer.data.dataset import Dataset
from nastransfer.space.genotype import Genotype
from nastransfer.space.known import known_genotype, known_genotypes
from nastransfer.space.skeleton import RESOLUTION, check_image_size
from nastransfer.train.protocol import Protocol
from nastransfer.train.settings import choose

REFERENCES = ("resnet18", "resnet34", "resnet50")
"""Networks of torchvision (He et al., Deep Residual Learning, CVPR 2016; arXiv 1512.03385), by their names there."""

_TRICKS = ("drop_path", "auxiliary")
OF_CELLS = ("cells", "channels", *_TRICKS)
"""Settings of a protocol that are for networks of cells only."""


@dataclass(frozen=True)
class Reference:
    """A network that is no genotype's, to compare with: a ResNet of torchvision. `ValueError` for another name."""

    name: str

    def __post_init__(self) -> None:
        choose("reference network", self.name, REFERENCES)

    @property
    def digest(self) -> str:
        """Its identity in keys and checkpoints, which no genotype's digest equals."""
        return self.name

    def __str__(self) -> str:
        return self.name


Architecture = Genotype | Reference
"""What is trained."""


def known_names() -> list[str]:
    """Names of all known networks: published cells (`nastransfer.space.known`), then `REFERENCES`."""
    return [*known_genotypes(), *REFERENCES]


def known_network(name: str) -> Architecture:
    """The known network of this name; `ValueError` names the nearest one and all."""
    choose("network", name, known_names())
    return Reference(name) if name in REFERENCES else known_genotype(name)


def read_architecture(given: Architecture | str | Mapping[str, Any]) -> Architecture:
    """A reference as it is, the name of a known network, or all that `Genotype.parse` reads.

    `str()` of the result gives text that is read back as the same. `ValueError` says what is wrong with other text.
    """
    if isinstance(given, Reference):
        return given
    if isinstance(given, str) and given.strip().isidentifier():
        return known_network(given.strip())
    return Genotype.parse(given)


def check_protocol(architecture: Architecture, protocol: Protocol) -> None:
    """`ValueError` where the protocol asks for what this network does not have."""
    if isinstance(architecture, Genotype):
        return
    asked = {name: getattr(protocol, name) for name in _TRICKS if getattr(protocol, name)}
    if asked:
        said = ", ".join(f"{name}={value}" for name, value in asked.items())
        raise ValueError(
            f"{architecture} has no cells, so neither drop path nor an auxiliary head (protocol {protocol.label!r}: "
            f"{said}); set them to 0, or train cells only"
        )


def check_auxiliary(
    weight: float, dataset: Dataset, resolution: int | None, setting: str = "auxiliary"
) -> None:
    """`ValueError` where an auxiliary head of this weight, by the name of its setting, does not fit a set's images.

    It pools maps of one size only (methods sheet 1.8); without this the first step that uses it would say so.
    """
    side = dataset.side_at(resolution)
    fitting = RESOLUTION[dataset.stem_at(side)]
    if weight and side != fitting:
        raise ValueError(
            f"the auxiliary head needs images of {fitting} pixels, those of {dataset.name!r} have {side}: set "
            f"{setting} to 0, or resolution to {fitting}"
        )


def check_side(dataset: Dataset, resolution: int | None) -> None:
    """`ValueError` where a set's images fit no network of cells: both reductions must halve them evenly."""
    side = dataset.side_at(resolution)
    try:
        check_image_size(side, side, dataset.stem_at(side))
    except ValueError as error:
        raise ValueError(f"{dataset.name!r}: {error}; set resolution") from None


def check_several_classes(dataset: Dataset) -> None:
    """`ValueError` for a set of one class, on which any network would be right about all images."""
    if len(dataset.classes) < 2:
        raise ValueError(
            f"training needs at least 2 classes; {dataset.name!r} has {len(dataset.classes)} (are its class folders "
            "one level deeper than the folder that was opened?)"
        )
