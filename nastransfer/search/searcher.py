"""What a search method is: frozen settings with one method that yields steps; and the registry of methods (no torch).

A method knows no path, no logger and no print. A new one is a file with a final `Searcher` and a line in `_HOMES`, or a
plug-in (`nastransfer.search.plugins`).
"""

from __future__ import annotations

import importlib
import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from nastransfer.data.dataset import Dataset
from nastransfer.data.manifest import Manifest
from nastransfer.data.splits import search_halves
from nastransfer.data.streams import Streams
from nastransfer.search.plugins import Plugin, installed
from nastransfer.space.genotype import Genotype
from nastransfer.train.settings import Strict, choose, override_label, validate

if TYPE_CHECKING:
    import torch

    from nastransfer.data.batches import Batches
    from nastransfer.search.scorer import Scorer

# preset -> settings that differ from the defaults
Presets = Mapping[str, Mapping[str, Any]]
PRESETS = ("paper", "short", "small", "tiny")
METHOD_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")

# method -> module and class of its settings; imported on first use, none of them imports torch.
_HOMES = {
    "darts1": ("nastransfer.search.darts", "FirstOrderDarts"),
    "darts2": ("nastransfer.search.darts", "SecondOrderDarts"),
    "enas": ("nastransfer.search.enas", "Enas"),
    "nao": ("nastransfer.search.nao", "Nao"),
    "nsganet": ("nastransfer.search.nsganet", "NsgaNet"),
    "random": ("nastransfer.search.random_sampling", "RandomSampling"),
}


@dataclass(frozen=True)
class SearchData:
    """A source as a search may see it: two halves of its train part, cut by the seed, the same for every method.

    Images are read when a method asks for batches; a method that needs none reads none. `workers`: processes that a
    method may use to train networks side by side (None: one for each of torch's threads); no result depends on it.
    """

    dataset: Dataset
    seed: int
    device: str = "auto"
    workers: int | None = None

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.dataset.classes)

    def pick_device(self) -> torch.device:
        """The device that batches and networks of this search live on."""
        from nastransfer.train.device import pick_device

        return pick_device(self.device)

    def batches(
        self,
        half: Literal["train", "val"],
        *,
        batch: int,
        resolution: int | None = None,
        images: int | None = None,
        training: bool = True,
    ) -> Batches:
        """One half as batches, at most `images` of it, with or without the random transforms of training.

        Raises `ValueError` for a source of one class, where a class has no image in a half, or where the half has fewer
        images than a batch.
        """
        from nastransfer.data.batches import load_batches

        return load_batches(
            self.dataset,
            half,
            manifest=self.half(half, batch, images),
            batch=batch,
            resolution=resolution,
            device=self.pick_device(),
            training=training,
        )

    def half(self, half: Literal["train", "val"], batch: int, images: int | None = None) -> Manifest:
        """Which images `batches` would give; `ValueError` as there."""
        if self.classes < 2:
            raise ValueError(
                f"a search needs at least 2 classes, {self.dataset.name!r} has {self.classes}: all architectures would "
                "be right about all images"
            )
        train, val = search_halves(self.dataset.manifest, self.seed, images)
        chosen = train if half == "train" else val
        if len(chosen) < batch:
            raise ValueError(
                f"the {half} half of {self.dataset.name!r} has {len(chosen)} images, fewer than a batch of {batch}: "
                "choose a smaller batch or a larger source"
            )
        return chosen

    def scorer(self, preset: str = "tiny", **training: Any) -> Scorer:
        """What tells how good a genotype is: `score = data.scorer(epochs=1)`, then `score(genotype)` in percent.

        See `nastransfer.search.scorer`.
        """
        from nastransfer.search.scorer import Scorer

        return Scorer(self, preset, **training)


@dataclass(frozen=True)
class SearchStep:
    """Where a search stands after `step` of `steps` (0: before the first).

    `genotype`: what it would answer now, or drew last. `scores`: accuracies in percent and losses, by name. `entropy`:
    mean of the architecture distribution's decisions, in nats; None where there is no such distribution. `cost`:
    seconds (in all, and by what they went into) and images_seen since the start, and `arch_lr_factor` where one
    applies. `mixture`: the share of each operation (in the order of `MIXTURE`) on each edge (of `EDGES`), a table of
    14 x 8 for "normal" and for "reduce"; None where a method mixes nothing. `front`: of a method with several aims,
    what it found and nothing else it found beats in all of them (`genotype` as JSON, and its scores).
    `images_per_second` (since the step before), `seconds_left` and `collapsed` (skip connections have taken over the
    normal cell) are filled in by `search_steps`.
    """

    step: int
    steps: int
    genotype: Genotype | None
    scores: dict[str, float] = field(default_factory=dict)
    entropy: float | None = None
    cost: dict[str, Any] = field(default_factory=dict)
    mixture: dict[str, list[list[float]]] | None = None
    front: list[dict[str, Any]] | None = None
    images_per_second: float | None = None
    seconds_left: float | None = None
    collapsed: bool = False

    @property
    def skip_share(self) -> float | None:
        """Share of skip connections among the 8 operations of the normal cell; high where a search collapses."""
        if self.genotype is None:
            return None
        operations = [edge.op for node in self.genotype.normal for edge in node]
        return operations.count("skip_connect") / len(operations)

    def to_event(self) -> dict[str, Any]:
        """Plain data with `step` and `steps`, as the study's events have them: small, without the mixture."""
        return {
            "step": self.step,
            "steps": self.steps,
            **self.scores,
            "entropy": self.entropy,
            "skip_share": self.skip_share,
            "collapsed": self.collapsed,
            "images_per_second": self.images_per_second,
            "seconds_left": self.seconds_left,
            "genotype": str(self.genotype) if self.genotype is not None else None,
            **self.cost,
        }


class Searcher(Strict, ABC):
    """Settings of a search method, defaults from its paper, and the search itself.

    A method may leave out its presets: each name then means the defaults.
    """

    method: ClassVar[str] = ""
    title: ClassVar[str] = ""
    presets: ClassVar[Presets] = {name: {} for name in PRESETS}
    preset_version: ClassVar[int] = 1

    @abstractmethod
    def search(self, data: SearchData, streams: Streams) -> Iterator[SearchStep]:
        """Search on `data`, drawing all randomness from `streams`; the last step's genotype is the answer."""

    def check(self, data: SearchData) -> None:
        """`ValueError` where `data` cannot be searched on with these settings: asked before a study starts."""


# A method by its name, or as the class of its settings.
Method = str | type[Searcher]


def searchers(*plugins: str | Path | Plugin) -> dict[str, type[Searcher]]:
    """The known methods, name -> class of settings: built in, installed, and those of the plug-in files given.

    `ValueError` for a file that is no plug-in, and for a name that is taken.
    """
    known = {name: _built_in(name) for name in _HOMES}
    for name, offered in installed(Searcher).items():
        if name in known or offered.method != name:
            said = "another method has its name" if name in known else f"its class says {offered.method!r}"
            warnings.warn(f"installed method {name!r} is left out: {said}", stacklevel=2)
            continue
        known[name] = offered
    for file in plugins:
        plugin = file if isinstance(file, Plugin) else Plugin.read(file)
        for kind in plugin.classes(Searcher):
            name = kind.method
            if not isinstance(name, str) or not METHOD_NAME.fullmatch(name):
                raise ValueError(
                    f"plug-in {str(plugin.path)!r}: {kind.__name__}.method names the method, such as "
                    f'method = "evolution"; it must match {METHOD_NAME.pattern} (found {name!r})'
                )
            if name in known:
                raise ValueError(
                    f"plug-in {str(plugin.path)!r}: there is another method {name!r} "
                    f"({known[name].__module__}): choose another name for {kind.__name__}.method"
                )
            known[name] = kind
    return known


def find_searcher(method: Method) -> type[Searcher]:
    """The class of a method's settings; `ValueError` with the nearest known name for an unknown one."""
    if not isinstance(method, str):
        return method
    return _built_in(method) if method in _HOMES else searchers()[choose("method", method, searchers())]


def preset_label(method: Method, preset: str, /, **settings: Any) -> str:
    """The preset's name with the settings that differ from it, as tables show it: `tiny+steps80`."""
    return override_label(preset, make_searcher(method, preset), make_searcher(method, preset, **settings))


def make_searcher(method: Method, preset: str = "paper", /, **settings: Any) -> Searcher:
    """The settings of a method's preset with some changed.

    Raises `ValueError` with the nearest known name for an unknown method, preset or setting, and with rule and value
    for a value out of range.
    """
    kind = find_searcher(method)
    values = kind.presets[choose(f"preset of {kind.method}", preset, kind.presets)]
    return validate(kind, {**values, **settings}, f"settings of {kind.method}")


def _built_in(name: str) -> type[Searcher]:
    module, kind = _HOMES[name]
    found: type[Searcher] = getattr(importlib.import_module(module), kind)
    return found
