"""Tasks: proxy, search and augment, each with an id that is known before anything runs (no torch).

A task's id hashes all that it is asked to do: kind, resolved settings, seeds and the ids of its parents. A notebook
that is given the same parameters by hand computes the same id, so by-hand runs, the runner and a cluster share work.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nastransfer.search.plugins import Plugin, source_hash
from nastransfer.search.searcher import Searcher, find_searcher, make_searcher, searchers
from nastransfer.space.genotype import Genotype
from nastransfer.study.source import Source, canonical
from nastransfer.train.architecture import check_protocol, known_network
from nastransfer.train.protocol import Protocol, protocol
from nastransfer.train.settings import choose

# Raised when a task's meaning changes though its settings do not, so that old records are not taken for new ones.
TASK_VERSION = 1
KINDS = ("proxy", "search", "augment")
# What the training of a known network is for: it is compared with, and is nothing that a search found.
KNOWN = "known"


@dataclass(frozen=True)
class Task:
    """One unit of work: what a task notebook is asked to do.

    `parameters` are the notebook's; `parents` the ids of tasks that must have finished; `feeds` what the result is for.
    """

    id: str
    kind: str
    slug: str
    parameters: dict[str, Any]
    parents: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data that shares its parameters with the task."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Task:
        lists = {name: tuple(values[name]) for name in ("parents", "feeds")}
        return cls(values["id"], values["kind"], values["slug"], values["parameters"], **lists)


def digest(values: Any) -> str:
    """12 hex digits of the canonical JSON of plain values."""
    return _hashed(canonical(values))


@dataclass(frozen=True)
class SearchRecipe:
    """How a method searches: its settings, resolved once for all searches that share them.

    A method of a plug-in is told apart by its source: another text is another task. Its parameters name the copy that
    the study keeps.
    """

    method: str
    preset: str
    settings: dict[str, Any]
    asked: dict[str, str]
    kept_plugin: str | None

    @classmethod
    def of(
        cls, method: str, preset: str, settings: dict[str, Any], plugin: Plugin | None = None
    ) -> SearchRecipe:
        """`ValueError` for what the method does not have or take."""
        kind = find_searcher(method) if plugin is None else method_of(plugin, method)
        resolved = make_searcher(kind, preset, **settings).model_dump(mode="json")
        asked = {"method": method, "preset": preset, "settings": resolved}
        if code := source_hash(kind):
            asked["code"] = code
        kept = plugin.kept_as if plugin is not None else None
        return cls(method, preset, settings, {name: canonical(value) for name, value in asked.items()}, kept)

    def task(self, source: Source, seed: int, feeds: tuple[str, ...] = ()) -> Task:
        """The search on a source, whose proxy (if it has one) is a task before this one."""
        parents = (proxy_task(source).id,) if source.proxy is not None else ()
        asked = {**self.asked, "source": source.text, "seed": str(seed), "parents": canonical(parents)}
        parameters = {
            "method": self.method,
            "source": source.asked,
            "seed": seed,
            "preset": self.preset,
            "settings": self.settings,
        }
        if self.kept_plugin is not None:
            parameters["plugin"] = self.kept_plugin
        slug = _slug(self.method, source.label, seed)
        return Task(_identity("search", asked), "search", slug, parameters, parents, feeds)


@dataclass(frozen=True)
class TrainingRecipe:
    """How networks are trained: a protocol, resolved once for all trainings that share it.

    `text`: all its settings as canonical JSON. `marks`: target -> what tells this protocol from others that a study
    trains with on that target, for names of tasks.
    """

    name: str
    settings: dict[str, Any]
    training: Protocol
    text: str
    keep_weights: bool = False
    allow_target_test: bool = False
    marks: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, name: str, settings: dict[str, Any], keep_weights: bool = False, allow_target_test: bool = False
    ) -> TrainingRecipe:
        """`ValueError` for a name or setting that is not there, or a value out of range."""
        training = protocol(name, **settings)
        text = canonical(training.model_dump(mode="json"))
        return cls(name, settings, training, text, keep_weights, allow_target_test)

    def of_search(
        self, search: str, slug: str, target: Source, seed: int, feeds: tuple[str, ...] = ()
    ) -> Task:
        """Train what a search task (by its id) finds; `slug`: what names it."""
        return self._task(target, seed, slug, {"search": search}, (search,), feeds)

    def of_genotype(
        self,
        genotype: str,
        method: str,
        draw: int | None,
        target: Source,
        seed: int,
        feeds: tuple[str, ...] = (),
    ) -> Task:
        """Train a genotype, given as its canonical text; a proxy as the target is a task before this one."""
        parents = (proxy_task(target).id,) if target.proxy is not None else ()
        given = {"genotype": genotype, "method": method, "draw": draw}
        return self._task(target, seed, f"{method or 'given'}-{draw}", given, parents, feeds)

    def of_known(self, name: str, target: Source, seed: int, feeds: tuple[str, ...] = ()) -> Task:
        """Train a network that people know."""
        check_protocol(known_network(name), self.training)
        return self._task(target, seed, name, {"known": name}, (), feeds or (KNOWN,))

    def _task(
        self,
        target: Source,
        seed: int,
        origin: str,
        network: dict[str, Any],
        parents: tuple[str, ...],
        feeds: tuple[str, ...],
    ) -> Task:
        given = {**_NO_NETWORK, **network}
        parameters = {
            **given,
            "target": target.asked,
            "seed": seed,
            "protocol": self.name,
            "settings": self.settings,
        }
        if self.keep_weights:
            parameters["keep_weights"] = True
        if self.allow_target_test and given["search"]:
            parameters["allow_target_test"] = True
        asked = {name: canonical(value) for name, value in given.items() if name != "search"}
        asked |= {
            "target": target.text,
            "seed": str(seed),
            "protocol": self.text,
            "parents": canonical(parents),
        }
        slug = _slug(origin, "to", target.label, self.marks.get(target.label, ""), seed)
        return Task(_identity("augment", asked), "augment", slug, parameters, parents, feeds)


_NO_NETWORK: dict[str, Any] = {"search": "", "genotype": "", "method": "", "draw": None}


def proxy_task(source: Source, feeds: tuple[str, ...] = ("search",)) -> Task:
    """Build the proxy of a source and record its manifest and description."""
    identity = _identity("proxy", {"source": source.text})
    return Task(identity, "proxy", _slug(source.label, source.seed), {"source": source.asked}, feeds=feeds)


def search_task(
    method: str,
    source: Source,
    seed: int,
    preset: str,
    settings: dict[str, Any],
    feeds: tuple[str, ...] = (),
    *,
    plugin: Plugin | None = None,
) -> Task:
    """Search with `method` on a source: `SearchRecipe` for one search."""
    return SearchRecipe.of(method, preset, settings, plugin).task(source, seed, feeds)


def method_of(plugin: Plugin, method: str) -> type[Searcher]:
    """The method of this name in a plug-in's file; `ValueError` where it has none."""
    own = {name: kind for name, kind in searchers(plugin).items() if source_hash(kind) == plugin.hash}
    return own[choose(f"method of plug-in {str(plugin.path)!r}", method, own)]


def augment_task(
    target: Source,
    seed: int,
    protocol_name: str,
    settings: dict[str, Any],
    *,
    search: Task | None = None,
    search_id: str = "",
    genotype: str = "",
    method: str = "",
    draw: int | None = None,
    known: str = "",
    keep_weights: bool = False,
    allow_target_test: bool = False,
    feeds: tuple[str, ...] = (),
) -> Task:
    """Train a network from scratch on a target: what a search finds (`search` or its id), a given genotype, or `known`.

    `method` labels a given genotype (`random` for the baseline) and `draw` numbers it. Whether the final weights are
    kept (`keep_weights`), or what its search may see (`allow_target_test`), makes no other task. A target that is a
    proxy only ranks given genotypes: it is trained on one half of what a search may see of it, tested on the other.
    """
    parent = search.id if search is not None else search_id
    if [bool(parent), bool(genotype), bool(known)].count(True) != 1:
        raise ValueError(
            "augment needs exactly one of 'search' (a search task's id), 'genotype' (its text) and 'known' (a name)"
        )
    if genotype.strip().isidentifier():
        raise ValueError(f"'genotype' takes the text Genotype(...); the name {genotype!r} belongs to 'known'")
    if not genotype and (method or draw is not None):
        raise ValueError(
            "'method' and 'draw' describe a given genotype; searches and known networks say their own"
        )
    if target.proxy is not None and not genotype:
        raise ValueError(
            f"what a search found, and known networks, are trained on whole sets; {target.label!r} is a proxy, which "
            "ranks genotypes that are given as text"
        )
    recipe = TrainingRecipe.of(protocol_name, settings, keep_weights, allow_target_test)
    if known:
        return recipe.of_known(known, target, seed, feeds)
    if genotype:
        return recipe.of_genotype(str(Genotype.parse(genotype)), method, draw, target, seed, feeds)
    return recipe.of_search(parent, search.slug if search is not None else parent, target, seed, feeds)


def _identity(kind: str, asked: Mapping[str, str]) -> str:
    """The id of a task from all that it is asked, each as canonical JSON: the digest of them together."""
    texts = {"kind": f'"{kind}"', "version": str(TASK_VERSION), **asked}
    return _hashed("{" + ",".join([f'"{name}":{texts[name]}' for name in sorted(texts)]) + "}")


def _hashed(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _slug(*parts: object) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", "-".join(str(part) for part in parts).lower()).strip("-")[:80]
