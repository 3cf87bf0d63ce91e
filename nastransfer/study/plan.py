"""From a study file to tasks: proxy -> search -> augment, each with an id that is known before anything runs.

A task's id hashes all that it is asked to do: kind, resolved settings, seeds and the ids of its parents. A notebook
that is given the same parameters by hand computes the same id, so by-hand runs, the runner and a cluster share work.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nastransfer.data.streams import derive_seed
from nastransfer.search.plugins import Plugin, source_hash
from nastransfer.search.searcher import Searcher, find_searcher, make_searcher, searchers
from nastransfer.space.genotype import Genotype
from nastransfer.study.spec import Source, StudySpec
from nastransfer.train.architecture import check_protocol, known_network
from nastransfer.train.protocol import protocol
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
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Task:
        lists = {name: tuple(values[name]) for name in ("parents", "feeds")}
        return cls(values["id"], values["kind"], values["slug"], values["parameters"], **lists)


def digest(values: Any) -> str:
    """12 hex digits of the canonical JSON of plain values."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def proxy_task(source: Source, feeds: tuple[str, ...] = ("search",)) -> Task:
    """Build the proxy of a source and record its manifest and description."""
    asked = source.model_dump(mode="json")
    identity = {"kind": "proxy", "version": TASK_VERSION, "source": asked}
    return Task(digest(identity), "proxy", _slug(source.label, source.seed), {"source": asked}, feeds=feeds)


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
    """Search with `method` on a source, whose proxy (if it has one) is a task before this one.

    A method of a `plugin` is told apart by its source: another text is another task. Its parameters name the copy that
    the study keeps.
    """
    kind = find_searcher(method) if plugin is None else method_of(plugin, method)
    searcher = make_searcher(kind, preset, **settings)
    parents = (proxy_task(source).id,) if source.proxy is not None else ()
    asked = source.model_dump(mode="json")
    resolved = searcher.model_dump(mode="json")
    identity = {
        "kind": "search",
        "version": TASK_VERSION,
        "method": method,
        "preset": preset,
        "settings": resolved,
        "source": asked,
        "seed": seed,
        "parents": parents,
    }
    if code := source_hash(kind):
        identity["code"] = code
    parameters = {"method": method, "source": asked, "seed": seed, "preset": preset, "settings": settings}
    if plugin is not None:
        parameters["plugin"] = plugin.kept_as
    return Task(digest(identity), "search", _slug(method, source.label, seed), parameters, parents, feeds)


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
    feeds: tuple[str, ...] = (),
) -> Task:
    """Train a network from scratch on a target: what a search finds (`search` or its id), a given genotype, or `known`.

    `method` labels a given genotype (`random` for the baseline) and `draw` numbers it. Whether the final weights are
    kept (`keep_weights`) makes no other task.
    """
    parent = search.id if search is not None else search_id
    if [bool(parent), bool(genotype), bool(known)].count(True) != 1:
        raise ValueError(
            "augment needs exactly one of 'search' (a search task's id), 'genotype' (its text) and 'known' (a name)"
        )
    if not genotype and (method or draw is not None):
        raise ValueError(
            "'method' and 'draw' describe a given genotype; searches and known networks say their own"
        )
    canonical = str(Genotype.parse(genotype)) if genotype else ""
    training = protocol(protocol_name, **settings)
    if known:
        check_protocol(known_network(known), training)
    asked = target.model_dump(mode="json")
    identity = {
        "kind": "augment",
        "version": TASK_VERSION,
        "target": asked,
        "seed": seed,
        "protocol": training.model_dump(mode="json"),
        "genotype": canonical,
        "method": method,
        "draw": draw,
        "parents": [parent] if parent else [],
    }
    parameters = {
        "search": parent,
        "genotype": canonical,
        "method": method,
        "draw": draw,
        "target": asked,
        "seed": seed,
        "protocol": protocol_name,
        "settings": settings,
    }
    if known:
        identity["known"] = parameters["known"] = known
        feeds = feeds or (KNOWN,)
    if keep_weights:
        parameters["keep_weights"] = True
    origin = search.slug if search is not None else parent or known or f"{method or 'given'}-{draw}"
    slug = _slug(origin, "to", target.label, seed)
    return Task(digest(identity), "augment", slug, parameters, (parent,) if parent else (), feeds)


def plan_study(spec: StudySpec) -> list[Task]:
    """All tasks of a study, parents first, shared work once; random genotypes are drawn here (`methods.md` 6.1)."""
    tasks: dict[str, Task] = {}
    for task in (*_searches(spec), *_augmentations(spec)):
        tasks.setdefault(task.id, task)
    return list(tasks.values())


def random_genotypes(seed: int, count: int) -> list[Genotype]:
    """The study's random baseline: `count` independent uniform draws, each from a stream of its own."""
    return [
        Genotype.random(np.random.default_rng(derive_seed(seed, "baseline", draw))) for draw in range(count)
    ]


def _searches(spec: StudySpec) -> list[Task]:
    proxies = [proxy_task(source) for source in spec.sources if source.proxy is not None]
    return [*proxies, *(task for task, _ in _search_grid(spec))]


def _search_grid(spec: StudySpec) -> list[tuple[Task, Source]]:
    return [
        (
            search_task(
                method,
                source,
                seed,
                spec.preset,
                spec.settings.get(method, {}),
                ("search",),
                plugin=spec.plugin(method),
            ),
            source,
        )
        for seed in spec.search_seeds
        for source in spec.sources
        for method in spec.methods
    ]


def _augmentations(spec: StudySpec) -> list[Task]:
    """The baseline first: without it no relative improvement can be read while the study still runs."""
    shared = (spec.protocol, spec.protocol_settings)
    kept = spec.keep_weights
    cells = [(target, seed) for target in spec.targets for seed in spec.augment_seeds]
    baseline = [
        augment_task(
            target,
            seed,
            *shared,
            genotype=str(genotype),
            method="random",
            draw=draw,
            keep_weights=kept,
            feeds=("random",),
        )
        for draw, genotype in enumerate(random_genotypes(spec.random.seed, spec.random.genotypes))
        for target, seed in cells
    ]
    found = [
        augment_task(target, seed, *shared, search=search, keep_weights=kept, feeds=(_feeds(source, target),))
        for search, source in _search_grid(spec)
        for target, seed in cells
    ]
    known = [
        augment_task(target, seed, *shared, known=name, keep_weights=kept)
        for name in spec.known
        for target, seed in cells
    ]
    return [*baseline, *found, *known]


def _feeds(source: Source, target: Source) -> str:
    return "direct" if source.base == target.base else "transfer"


def _slug(*parts: object) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", "-".join(str(part) for part in parts).lower()).strip("-")[:80]
