"""What a task notebook may be given: one strict model a kind, and the task each one stands for."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

from pydantic import Field, model_validator

from nastransfer.search.plugins import Plugin
from nastransfer.search.searcher import Searcher, find_searcher
from nastransfer.study.ledger import Ledger, StudyRecords
from nastransfer.study.source import Seed, Source
from nastransfer.study.tasks import KINDS, Task, augment_task, method_of, proxy_task, search_task
from nastransfer.train.settings import Strict, choose, validate


class Place(Strict):
    """Where the record goes."""

    study: str = Field(default="by-hand", description="study that the run belongs to")
    runs: str = Field(default="runs", description="folder of all studies; relative to the working folder")

    @property
    def records(self) -> StudyRecords:
        """The records of the study."""
        return Ledger(self.runs).study(self.study)


class ProxyParameters(Place):
    """Parameters of notebooks/proxy.ipynb: a few settings of the commonest proxies, or a whole source instead of them.

    The defaults are those of the notebook's cell, which always gives all of them: a source may stand beside them as
    long as they were not changed.
    """

    dataset: str = Field(default="glyphs", description="data set to take from: see nt.datasets()")
    selection: str = Field(default="random", description="rule by which classes are chosen: see nt.ProxySpec")
    classes: int | None = Field(default=150, description="classes to choose; null: as many as there are")
    fraction: float | None = Field(default=None, description="share of each class and part; null: all of it")
    resolution: int | None = Field(default=None, description="pixels a side; null: as in the data set")
    seed: Seed = Field(default=2, description="seed of the random choices")
    source: Source = Field(description="instead of all these: a data set and how it is cut down")

    @model_validator(mode="before")
    @classmethod
    def _source_from_settings(cls, values: Any) -> Any:
        settings = ("dataset", "selection", "classes", "fraction", "resolution", "seed")
        given = {name: values.get(name, cls.model_fields[name].default) for name in settings}
        if values.get("source") is not None:
            changed = {
                name: value for name, value in given.items() if value != cls.model_fields[name].default
            }
            if changed:
                raise ValueError(
                    f"give a source or its settings one by one, not both: found a source and {changed}"
                )
            return values
        rule = {name: given[name] for name in settings[1:5] if given[name] is not None}
        whole = rule == {"selection": "all"}
        source = {"dataset": given["dataset"], "proxy": None if whole else rule, "seed": given["seed"]}
        return {**values, "source": source}

    def task(self) -> Task:
        return proxy_task(self.source)


class SearchParameters(Place):
    """Parameters of notebooks/search.ipynb."""

    method: str = Field(description="search method: see nt.searchers()")
    source: Source = Field(description="data set, or a mapping with dataset, options, proxy, seed")
    seed: Seed = Field(default=2, description="seed of the search")
    preset: str = Field(default="tiny", description="named settings of the method")
    settings: dict[str, Any] = Field(default={}, description="settings other than the preset's")
    plugin: str = Field(default="", description="file of an own method; empty: the method needs none")

    @cached_property
    def own(self) -> Plugin | None:
        """The plug-in that was named, read once: what is in it now is what runs."""
        return self.records.plugin(self.plugin) if self.plugin else None

    @cached_property
    def searcher(self) -> type[Searcher]:
        """The class of the method's settings."""
        return find_searcher(self.method) if self.own is None else method_of(self.own, self.method)

    def task(self) -> Task:
        return search_task(self.method, self.source, self.seed, self.preset, self.settings, plugin=self.own)


class AugmentParameters(Place):
    """Parameters of notebooks/augment.ipynb."""

    target: Source = Field(
        description="data set to train and test on; a proxy ranks a given genotype: one half trains, the other tests"
    )
    genotype: str = Field(default="", description="the architecture as Genotype(...) text; or give `search`")
    search: str = Field(default="", description="id of the finished search task whose genotype is trained")
    known: str = Field(default="", description="or a network by its name, such as DARTS_V2 or resnet18")
    method: str = Field(default="", description="label of a given genotype; random for the baseline")
    draw: int | None = Field(default=None, description="number of a given genotype within its label")
    seed: Seed = Field(default=2, description="seed of the training")
    protocol: str = Field(default="tiny", description="named settings of the training")
    devices: int = Field(
        default=1, ge=1, description="GPUs (or CPU processes) of a machine that train together"
    )
    nodes: int = Field(
        default=1, ge=1, description="machines that train together; they share the folder of the run"
    )
    address: str = Field(default="", description="host:port where several machines meet: the first one's")
    settings: dict[str, Any] = Field(default={}, description="settings other than the protocol's")
    keep_weights: bool = Field(default=False, description="keep the final weights, for nt.export")
    allow_target_test: bool = Field(
        default=False, description="train also what a search found that may have seen images of the test part"
    )
    profile: bool = Field(default=False, description="show where the time of a step goes, on some more steps")

    def task(self) -> Task:
        return augment_task(
            self.target,
            self.seed,
            self.protocol,
            self.settings,
            search_id=self.search,
            genotype=self.genotype,
            method=self.method,
            draw=self.draw,
            known=self.known,
            keep_weights=self.keep_weights,
            allow_target_test=self.allow_target_test,
        )


Parameters = ProxyParameters | SearchParameters | AugmentParameters
MODELS: dict[str, type[Parameters]] = {
    "proxy": ProxyParameters,
    "search": SearchParameters,
    "augment": AugmentParameters,
}
Kind = Literal["proxy", "search", "augment"]


def check(kind: str, values: Mapping[str, Any]) -> Parameters:
    """`values` as the parameters of a kind's notebook; one `ValueError` names every wrong key, value and rule."""
    model = MODELS[choose("kind of task", kind, KINDS)]
    return validate(model, dict(values), f"parameters of notebooks/{kind}.ipynb")


def parameters(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters a notebook was given, from its `globals()`: all it assigned up to the cell that begins the task.

    papermill only warns of a name it does not know and assigns it all the same; collecting every name lets
    `nt.begin` refuse a mistyped one. Names that start with an underscore, and what is not plain data, are left out.
    """
    cells = namespace.get("In")
    names = (
        _assigned(cells)
        if isinstance(cells, list)
        else {name for name in namespace if not name.startswith("_")}
    )
    return {name: namespace[name] for name in sorted(names) if name in namespace and _plain(namespace[name])}


def _assigned(cells: list[str]) -> set[str]:
    """Names assigned at the top level of the executed cells, up to the first one that calls `begin`."""
    names: set[str] = set()
    for cell in cells:
        try:
            tree = ast.parse(cell)
        except SyntaxError:  # an IPython magic: assigns no parameter
            continue
        for statement in tree.body:
            targets = statement.targets if isinstance(statement, ast.Assign) else []
            if isinstance(statement, ast.AnnAssign):
                targets = [statement.target]
            names.update(target.id for target in targets if isinstance(target, ast.Name))
        if "begin(" in cell:
            break
    return {name for name in names if not name.startswith("_")}


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float, bool, list, dict))
