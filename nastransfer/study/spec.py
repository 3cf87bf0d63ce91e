"""The study file: which methods, searched on which sources, for which targets, how often. Strict YAML, no surprises."""

from __future__ import annotations

import re
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from nastransfer.search.plugins import Plugin
from nastransfer.search.searcher import Searcher, make_searcher, searchers
from nastransfer.study.grid import Grid, RandomBaseline
from nastransfer.study.source import Seed, Source
from nastransfer.study.yaml_lines import read_yaml
from nastransfer.train.architecture import check_protocol, known_network
from nastransfer.train.settings import Misplaced, choose, explained

__all__ = ["NAME", "Seed", "Source", "StudySpec", "load_spec", "parse_spec", "shipped"]

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class StudySpec(Grid):
    """A whole study, as a file says it: a grid, and further parts that differ from it in what they name."""

    name: str = Field(description="names the folder under runs/: lower-case letters, digits, '.', '_', '-'")
    description: str = Field(default="", description="what the study asks, in words")
    plugins: tuple[Plugin, ...] = Field(
        default=(), description="files of own methods, relative to the study file and below its folder"
    )
    methods: tuple[str, ...] = Field(description="search methods: see nt.searchers(); [] for none")
    targets: tuple[Source, ...] = Field(min_length=1, description="whole sets trained on")
    random: RandomBaseline = Field(description="the baseline: random genotypes on every target")
    also: tuple[Grid, ...] = Field(
        default=(), description="further parts; each names only what differs from the study's own grid"
    )
    keep_weights: bool = Field(
        default=False, description="keep the final weights of every training, for nt.export"
    )
    allow_target_test: bool = Field(
        default=False,
        description="let searches see images of their target's test part, as some published proxies do; trainings that "
        "this may touch then feed `target_test_seen`",
    )

    @field_validator("plugins", mode="before")
    @classmethod
    def _read_plugins(cls, value: Any, info: ValidationInfo) -> Any:
        """Paths as the study file gives them; the files are read once, here."""
        folder = (info.context or {}).get("folder")
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise ValueError("a list of paths, such as [my_method.py]")
        if folder is None:
            raise ValueError("only a study file can name plug-ins: their paths are relative to it")
        return tuple(Plugin.inside(folder, name) for name in value)

    @field_validator("plugins")
    @classmethod
    def _sound_plugins(cls, value: tuple[Plugin, ...]) -> tuple[Plugin, ...]:
        searchers(*value)
        return value

    @field_validator("also", mode="before")
    @classmethod
    def _parts(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("name")
    @classmethod
    def _folder_name(cls, value: str) -> str:
        if not NAME.fullmatch(value):
            raise ValueError(f"a study's name must match {NAME.pattern} since it names a folder under runs/")
        return value

    @model_validator(mode="after")
    def _grids_fit(self) -> StudySpec:
        _Check(self, self.grids[0], (), self.model_fields_set).run()
        for position, (part, grid) in enumerate(zip(self.also, self.grids[1:], strict=True)):
            _Check(self, grid, ("also", position), part.model_fields_set).run()
        _check_exclusions(self)
        return self

    @cached_property
    def grids(self) -> tuple[Grid, ...]:
        """The study's own grid, then its parts, each with all its axes."""
        own = Grid.model_construct(**{name: getattr(self, name) for name in Grid.model_fields})
        return (own, *(part.within(own) for part in self.also))

    @cached_property
    def known_methods(self) -> dict[str, type[Searcher]]:
        """All methods that the study could name, its plug-ins' included."""
        return searchers(*self.plugins)

    def searcher(self, method: str) -> type[Searcher]:
        """The class of a method's settings."""
        return self.known_methods[method]

    def plugin(self, method: str) -> Plugin | None:
        """The plug-in that a method comes from, None where it needs none."""
        return next(
            (one for one in self.plugins if method in {kind.method for kind in one.classes(Searcher)}), None
        )


class _Check:
    """Whether what a grid names fits together; errors stand where the file names it (`part`: the way to the grid)."""

    def __init__(self, spec: StudySpec, grid: Grid, part: tuple[int | str, ...], named: set[str]) -> None:
        self.spec, self.grid, self.part, self.named = spec, grid, part, named

    def run(self) -> None:
        """`ValueError` with the place of what is wrong."""
        self._searches()
        self._trainings()

    def _searches(self) -> None:
        grid = self.grid
        for position, method in enumerate(grid.methods):
            self._place(choose, "method", method, self.spec.known_methods, at=("methods", position))
        if "settings" in self.named:
            for method in grid.settings:
                self._place(choose, "method", method, grid.methods, at=("settings", method))
        if not grid.methods:
            return
        for name in ("sources", "search_seeds"):
            if not getattr(grid, name):
                raise self._misplaced("is missing, and needed where methods are searched with", name)
        if grid.preset is None:
            raise self._misplaced("is missing, and needed where methods are searched with", "preset")
        for method in grid.methods:
            kind, settings = self.spec.searcher(method), grid.settings.get(method, {})
            at = ("settings", method) if settings else ("preset",)
            self._place(make_searcher, kind, grid.preset, at=at, **settings)

    def _trainings(self) -> None:
        grid = self.grid
        if grid.random is not None and grid.random.rank_agreement and not grid.sources:
            raise self._misplaced("rank_agreement trains on the sources: there are none", "random")
        if not grid.methods and grid.random is None and not grid.known:
            raise self._misplaced("this trains nothing: name methods, random or known", "methods")
        at = ("protocol_settings",) if grid.protocol_settings else ("protocol",)
        for _, _, training in self._place(list, grid.trainings(), at=at):
            for position, name in enumerate(grid.known):
                self._place(check_protocol, known_network(name), training, at=("known", position))

    def _place(self, call: Any, /, *args: Any, at: tuple[int | str, ...], **kwargs: Any) -> Any:
        """The call's result; what it has to say, said of the place `at`."""
        try:
            return call(*args, **kwargs)
        except ValueError as error:
            raise self._misplaced(str(error), *at) from None

    def _misplaced(self, message: str, *at: int | str) -> Misplaced:
        inherited = self.part and at[0] not in self.named
        return Misplaced(message, *self.part, *(() if inherited else at))


_UNMATCHED = (
    "nothing in the grid matches this exclusion: compare it with the names of methods, sources and targets"
)


def _check_exclusions(spec: StudySpec) -> None:
    """`ValueError` for an exclusion that leaves nothing out: a mistyped one must not pass unseen."""
    for position, rule in enumerate(spec.exclude):
        if not any(rule.matches(*labels) for grid in spec.grids for labels in grid.labels()):
            raise Misplaced(_UNMATCHED, "exclude", position)
    for number, (part, grid) in enumerate(zip(spec.also, spec.grids[1:], strict=True)):
        for position, rule in enumerate(part.exclude):
            if not any(rule.matches(*labels) for labels in grid.labels()):
                raise Misplaced(_UNMATCHED, "also", number, "exclude", position)


def shipped() -> list[str]:
    """Names of the studies that come with the package."""
    folder = resources.files("nastransfer") / "studies"
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_spec(study: str | Path) -> StudySpec:
    """Read a study file by path, or a shipped study by name; `ValueError` says what is wrong and where."""
    path = Path(study)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ValueError(f"there is no study file {str(path)!r}; shipped studies: {', '.join(shipped())}")
        return parse_spec(path.read_text(encoding="utf-8"), str(path), path.parent)
    name = choose("study", str(study), shipped())
    text = (resources.files("nastransfer") / "studies" / f"{name}.yaml").read_text(encoding="utf-8")
    return parse_spec(text, f"studies/{name}.yaml")


def parse_spec(text: str, where: str, folder: Path | None = None) -> StudySpec:
    """A study from YAML text; `where` names it in errors, `folder` is where its plug-ins lie.

    `ValueError` with a line a wrong value: file, line, the value's name, rule and value.
    """
    values, lines = read_yaml(text, where)
    try:
        return StudySpec.model_validate(values, context={"folder": folder})
    except ValidationError as error:
        said = [(lines.of(place), problem) for place, problem in explained(error, StudySpec)]
    raise ValueError(
        "\n".join(f"{where}{f', line {line}' if line else ''}: {problem}" for line, problem in said)
    )
