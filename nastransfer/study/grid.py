"""A grid of a study: the axes that are crossed, and what is left out. A study is one grid and further parts (no torch).

methods x sources x search seeds are searches; what these find is trained on targets x augment seeds x protocols x
cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import product
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from nastransfer.study.source import Seed, Source
from nastransfer.train.architecture import known_names
from nastransfer.train.protocol import Protocol, protocol, protocols
from nastransfer.train.settings import Strict, choose


def _listed(value: Any) -> Any:
    """One name stands for a list of it."""
    return (value,) if isinstance(value, str) else value


Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""A name, or several."""


class RandomBaseline(Strict):
    """The baseline of RI: genotypes drawn uniformly from the space, each trained on every target (paper, Metrics)."""

    genotypes: int = Field(ge=1, le=10_000, description="genotypes a target")
    seed: Seed = Field(default=2, description="seed of the draw; the genotypes are the same for every target")
    rank_agreement: int = Field(
        default=0,
        ge=0,
        description="how many of them are also trained on every source, to compare the ranks: with the grid's first "
        "protocol and number of cells; a part that names another protocol or cells does not take this over",
    )

    @model_validator(mode="after")
    def _some_of_them(self) -> RandomBaseline:
        if self.rank_agreement > self.genotypes:
            raise ValueError(
                f"rank_agreement counts genotypes of the baseline: {self.rank_agreement} are more than the "
                f"{self.genotypes} there are"
            )
        return self


class Exclusion(Strict):
    """What is left out: all that matches every pattern given, such as {method: nsganet, source: "imagenet1k-*"}.

    Patterns are compared with the names in tables (labels): `*` stands for any text, `?` for one letter. The random
    baseline is the method `random`, of no source but where it is trained on one for rank agreement.
    """

    method: str | None = Field(
        default=None, description="pattern of search methods, known networks or `random`"
    )
    source: str | None = Field(default=None, description="pattern of sources' labels")
    target: str | None = Field(default=None, description="pattern of targets' labels")

    @model_validator(mode="after")
    def _says_something(self) -> Exclusion:
        if self.method is None and self.source is None and self.target is None:
            raise ValueError(
                "an exclusion names a method, a source or a target: this one would leave out all"
            )
        return self

    def matches(self, method: str, source: str | None, target: str | None) -> bool:
        """Whether this is left out; None: there is no source, or the target is not yet known."""
        pairs = ((self.method, method), (self.source, source), (self.target, target))
        return all(p is None or (label is not None and fnmatchcase(label, p)) for p, label in pairs)


class Grid(Strict):
    """What is crossed with what; a part of a study names only what differs from the study's own grid."""

    methods: tuple[str, ...] = Field(
        default=(), description="search methods: see nt.searchers(); [] for none"
    )
    preset: str | None = Field(default=None, description="named settings of the searches")
    settings: dict[str, dict[str, Any]] = Field(
        default={}, description="method -> settings other than the preset's"
    )
    sources: tuple[Source, ...] = Field(default=(), description="data sets or proxies that are searched on")
    targets: tuple[Source, ...] = Field(default=(), min_length=1, description="whole sets trained on")
    search_seeds: tuple[Seed, ...] = Field(default=(), description="each search is made once a seed")
    augment_seeds: tuple[Seed, ...] = Field(
        default=(2,), min_length=1, description="each network is trained once a seed"
    )
    protocol: Names = Field(
        default=(), min_length=1, description="named settings of the final training, one or several"
    )
    protocol_settings: dict[str, Any] = Field(default={}, description="settings other than the protocol's")
    cells: tuple[Annotated[int, Field(ge=3)], ...] = Field(
        default=(), description="cells of the trained networks, each in turn; []: as the protocol says"
    )
    random: RandomBaseline | None = Field(
        default=None, description="random genotypes beside; null in a part: none of its own"
    )
    known: tuple[str, ...] = Field(
        default=(),
        description="networks that people know, trained beside to compare with: [DARTS_V2, resnet18]",
    )
    exclude: tuple[Exclusion, ...] = Field(default=(), description="what is left out of the grid")
    feeds: Names = Field(
        default=(),
        description="tables and figures that the trainings are for, such as `table 4`; else transfer, direct or random",
    )

    @field_validator(
        "methods",
        "sources",
        "targets",
        "search_seeds",
        "augment_seeds",
        "protocol",
        "cells",
        "known",
        "exclude",
        "feeds",
        mode="before",
    )
    @classmethod
    def _tuples(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("methods")
    @classmethod
    def _searched(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "random" in value:
            raise ValueError(
                "'random' is the baseline of every study and not searched: set random.genotypes instead"
            )
        return value

    @field_validator("known")
    @classmethod
    def _known_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            choose("network", name, known_names())
        return value

    @field_validator("protocol")
    @classmethod
    def _known_protocols(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            choose("protocol", name, protocols())
        return value

    @field_validator("methods", "search_seeds", "augment_seeds", "protocol", "cells", "known", "feeds")
    @classmethod
    def _distinct(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(set(value)) != len(value):
            raise ValueError("each may be named once only")
        return value

    @field_validator("feeds")
    @classmethod
    def _no_commas(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not name or "," in name or name != name.strip():
                raise ValueError(f"a use is a short text without commas, such as 'table 4' (found {name!r})")
        return value

    @field_validator("sources", "targets")
    @classmethod
    def _told_apart(cls, value: tuple[Source, ...]) -> tuple[Source, ...]:
        labels = [entry.label for entry in value]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f"two entries are called {label!r}: give their proxies names")
        return value

    @field_validator("targets")
    @classmethod
    def _whole_targets(cls, value: tuple[Source, ...]) -> tuple[Source, ...]:
        for target in value:
            if target.proxy is not None:
                raise ValueError(f"a target is a whole data set; {target.label!r} names a proxy")
        return value

    def within(self, study: Grid) -> Grid:
        """This part with all that it does not name taken from the study's own grid; exclusions of both hold."""
        values = {
            name: getattr(self if name in self.model_fields_set else study, name)
            for name in Grid.model_fields
        }
        values["random"] = self._baseline(study)
        values["exclude"] = (*study.exclude, *self.exclude)
        return Grid.model_construct(**values)

    def _baseline(self, study: Grid) -> RandomBaseline | None:
        if study.random is None or (self.random is None and "random" in self.model_fields_set):
            return self.random
        if self.random is not None:
            seeded = "seed" in self.random.model_fields_set
            return self.random if seeded else self.random.model_copy(update={"seed": study.random.seed})
        if self.model_fields_set & {"protocol", "protocol_settings", "cells"}:
            return study.random.model_copy(update={"rank_agreement": 0})
        return study.random

    def trainings(self) -> Iterator[tuple[str, dict[str, Any], Protocol]]:
        """Each protocol with each number of cells: its name, what is set besides, and both resolved.

        `ValueError` for settings that the protocol does not have or that are out of range.
        """
        for name, cells in product(self.protocol, self.cells or (None,)):
            settings = dict(self.protocol_settings)
            if cells is not None and cells != protocol(name, **settings).cells:
                settings["cells"] = cells
            yield name, settings, protocol(name, **settings)

    def leaves_out(self, method: str, source: str | None, target: str | None) -> bool:
        """Whether an exclusion matches."""
        return any(rule.matches(method, source, target) for rule in self.exclude)

    def labels(self) -> Iterator[tuple[str, str | None, str | None]]:
        """Method, source and target of all that is crossed, by their labels: what exclusions are compared with."""
        sources, targets = ([entry.label for entry in entries] for entries in (self.sources, self.targets))
        yield from product(self.methods, sources, targets)
        yield from product(self.known, (None,), targets)
        if self.random is not None:
            yield from product(("random",), (None,), targets)
            if self.random.rank_agreement:
                yield from product(("random",), sources, (None,))
