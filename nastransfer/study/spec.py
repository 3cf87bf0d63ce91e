"""The study file: which methods, searched on which sources, for which targets, how often. Strict YAML, no surprises."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationInfo, field_validator, model_validator

from nastransfer.data.datasets import label_of, names, options_of
from nastransfer.data.proxies import ProxySpec, proxies
from nastransfer.search.plugins import Plugin
from nastransfer.search.searcher import Searcher, make_searcher, searchers
from nastransfer.train.architecture import check_protocol, known_names, known_network
from nastransfer.train.protocol import protocol
from nastransfer.train.settings import Strict, choose, validate

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Source(Strict):
    """A data set, whole or cut down to a proxy: what a search sees, or (whole) what a network is trained on."""

    dataset: str = Field(description="name in the catalogue: see nt.datasets()")
    options: dict[str, Any] = Field(
        default={}, description="options of the data set, as open_dataset takes them"
    )
    proxy: ProxySpec | None = Field(default=None, description="how it is cut down; null: the whole set")
    seed: Seed = Field(default=2, description="seed of the proxy's random choices")

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        """`cifar10` stands for {dataset: cifar10}, and `proxy: imagenet1k-p1` for that registered proxy."""
        if isinstance(value, str):
            return {"dataset": value}
        if isinstance(value, dict) and isinstance(value.get("proxy"), str):
            return value | {"proxy": proxies()[choose("proxy", value["proxy"], proxies())]}
        return value

    @field_validator("dataset")
    @classmethod
    def _known(cls, value: str) -> str:
        return choose("data set", value, names())

    @model_validator(mode="after")
    def _known_options(self) -> Source:
        validate(options_of(self.dataset), self.options, f"options of {self.dataset}")
        return self

    @property
    def label(self) -> str:
        """Short name of what is seen, for folders, tables and legends."""
        return self.base if self.proxy is None else f"{self.base}-{self.proxy.label}"

    @property
    def base(self) -> str:
        """Name of the whole data set, its options included: `glyphs`, `glyphs-classes300`, `folder-my-photos`."""
        return label_of(self.dataset, self.options)


class RandomBaseline(Strict):
    """The baseline of RI: genotypes drawn uniformly from the space, each trained on every target (paper, Metrics)."""

    genotypes: int = Field(ge=1, le=10_000, description="genotypes a target")
    seed: Seed = Field(default=2, description="seed of the draw; the genotypes are the same for every target")


class StudySpec(Strict):
    """A whole study, as a file says it."""

    name: str = Field(description="names the folder under runs/: lower-case letters, digits, '.', '_', '-'")
    description: str = ""
    plugins: tuple[Plugin, ...] = Field(
        default=(), description="files of own methods, relative to the study file and below its folder"
    )
    methods: tuple[str, ...] = Field(description="search methods: see nt.searchers(); [] for none")
    preset: str = Field(default="paper", description="named settings of the searches")
    settings: dict[str, dict[str, Any]] = Field(
        default={}, description="method -> settings other than the preset's"
    )
    sources: tuple[Source, ...] = ()
    targets: tuple[Source, ...] = Field(min_length=1)
    search_seeds: tuple[Seed, ...] = ()
    augment_seeds: tuple[Seed, ...] = Field(default=(2,), min_length=1)
    protocol: str = Field(description="named settings of the final training")
    protocol_settings: dict[str, Any] = Field(default={}, description="settings other than the protocol's")
    random: RandomBaseline
    known: tuple[str, ...] = Field(
        default=(),
        description="networks that people know, trained beside to compare with: [DARTS_V2, resnet18]",
    )
    keep_weights: bool = Field(
        default=False, description="keep the final weights of every training, for nt.export"
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

    @field_validator("methods", "sources", "targets", "search_seeds", "augment_seeds", "known", mode="before")
    @classmethod
    def _tuples(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("name")
    @classmethod
    def _folder_name(cls, value: str) -> str:
        if not NAME.fullmatch(value):
            raise ValueError(f"a study's name must match {NAME.pattern} since it names a folder under runs/")
        return value

    @field_validator("methods")
    @classmethod
    def _known_methods(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if (
            "plugins" in info.data
        ):  # else what is wrong with a plug-in is said, and explains an unknown method
            for method in value:
                choose("method", method, searchers(*info.data["plugins"]))
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

    @field_validator("methods", "search_seeds", "augment_seeds", "known")
    @classmethod
    def _distinct(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(set(value)) != len(value):
            raise ValueError("each may be named once only")
        return value

    @field_validator("targets")
    @classmethod
    def _whole_targets(cls, value: tuple[Source, ...]) -> tuple[Source, ...]:
        for target in value:
            if target.proxy is not None:
                raise ValueError(f"a target is a whole data set; {target.label!r} names a proxy")
        return value

    @model_validator(mode="after")
    def _searches_whole(self) -> StudySpec:
        for name in ("sources", "search_seeds"):
            if self.methods and not getattr(self, name):
                raise ValueError(f"{name} must name at least one where methods are searched with")
        return self

    @model_validator(mode="after")
    def _settings_fit(self) -> StudySpec:
        for method in self.settings:
            choose("method under settings", method, self.methods)
        for method in self.methods:
            make_searcher(self.searcher(method), self.preset, **self.settings.get(method, {}))
        training = protocol(self.protocol, **self.protocol_settings)
        for name in self.known:
            check_protocol(known_network(name), training)
        for kind, entries in (("source", self.sources), ("target", self.targets)):
            labels = [entry.label for entry in entries]
            for label in labels:
                if labels.count(label) > 1:
                    raise ValueError(f"two entries of {kind}s are called {label!r}: give their proxies names")
        return self

    def searcher(self, method: str) -> type[Searcher]:
        """The class of a method's settings."""
        return searchers(*self.plugins)[method]

    def plugin(self, method: str) -> Plugin | None:
        """The plug-in that a method comes from, None where it needs none."""
        return next(
            (one for one in self.plugins if method in {kind.method for kind in one.classes(Searcher)}), None
        )


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
    """A study from YAML text; `where` names it in errors, `folder` is where its plug-ins lie."""
    try:
        values = yaml.load(text, Loader=_UniqueKeys)  # noqa: S506 (a subclass of SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"{where}: not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise ValueError(
            f"{where}: a study file is a mapping of keys to values, found {type(values).__name__}"
        )
    return validate(StudySpec, values, where, folder=folder)


class _UniqueKeys(yaml.SafeLoader):
    """Plain YAML keeps the last of two equal keys without a word; a study must not lose one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for position, key in enumerate(keys):
            if key in keys[:position]:
                mark = node.value[position][0].start_mark
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} appears twice", mark)
        return super().construct_mapping(node, deep)
