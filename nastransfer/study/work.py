"""The work behind each kind of task: from checked parameters to steps, labels and the key its numbers depend on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from nastransfer.data.dataset import unusable, usable
from nastransfer.data.datasets import open_dataset
from nastransfer.data.manifest import Manifest
from nastransfer.data.proxies import build_proxy
from nastransfer.search.drive import search_steps
from nastransfer.search.plugins import source_hash
from nastransfer.search.searcher import make_searcher, preset_label
from nastransfer.study.augmentation import augment_work
from nastransfer.study.ledger import StudyRecords
from nastransfer.study.machine import machine
from nastransfer.study.outcome import Outcome, Steps, Work, result_key, save_seconds
from nastransfer.study.parameters import Parameters, ProxyParameters, SearchParameters
from nastransfer.study.sources import open_source
from nastransfer.study.spec import Source


@dataclass(frozen=True)
class ProxyStep:
    """A proxy is built in one step: `images` and `classes` are what it holds, of `chosen` images."""

    chosen: int
    images: int
    classes: int

    def to_event(self) -> dict[str, Any]:
        return {"step": 1, "steps": 1, "chosen": self.chosen, "images": self.images, "classes": self.classes}


def prepare(given: Parameters, records: StudyRecords) -> Work:
    """Open what a task needs and refuse what cannot work, before any compute is spent."""
    if isinstance(given, ProxyParameters):
        return _proxy(given)
    if isinstance(given, SearchParameters):
        return _search(given, records)
    return augment_work(given, records)


def _seen(source: Source, manifest: Manifest) -> dict[str, Any]:
    """Labels of what a search could see."""
    return {
        "source": source.base,
        "selection": source.proxy.label if source.proxy is not None else "all",
        "proxy_images": manifest.count("train") + manifest.count("val"),
        "proxy_classes": len(manifest.classes),
    }


def _proxy(given: ProxyParameters) -> Work:
    source = given.source
    whole = open_dataset(source.dataset, **source.options)
    parent = whole.manifest

    def steps(_: Path) -> Steps:
        proxy = build_proxy(parent, source.proxy, source.seed) if source.proxy is not None else parent
        # What is chosen does not depend on which files are damaged; only the chosen ones are looked at.
        chosen = whole.with_manifest(proxy)
        checked = usable(chosen)
        proxy = checked.manifest
        yield ProxyStep(len(chosen.manifest), len(proxy), len(proxy.classes))
        numbers = {
            "proxy_images": proxy.count("train") + proxy.count("val"),
            "proxy_classes": len(proxy.classes),
            **machine(),
        }
        rejects = unusable(chosen, checked)
        return Outcome(numbers, classes=proxy.counts(), manifest=proxy, rejects=rejects)

    asked = source.proxy.model_dump(mode="json") if source.proxy is not None else None
    labels = {
        "source": source.base,
        "selection": source.proxy.label if source.proxy is not None else "all",
    }
    return Work(steps, labels, result_key(kind="proxy", parent=parent.hash, proxy=asked, seed=source.seed))


def _search(given: SearchParameters, records: StudyRecords) -> Work:
    chosen = open_source(given.source, records)
    dataset = usable(chosen)
    manifest = dataset.manifest
    kind = given.searcher
    searcher = make_searcher(kind, given.preset, **given.settings)

    def steps(folder: Path) -> Steps:
        kept: dict[str, Any] = {"checkpoint": folder, "save_seconds": save_seconds()}
        settings = {"seed": given.seed, "preset": given.preset, **given.settings}
        found = yield from search_steps(kind, dataset, **kept, **settings)
        numbers = {"genotype": str(found.genotype), "precision": "fp32", **machine(), **found.cost}
        history = pl.DataFrame(found.history, infer_schema_length=None)
        return Outcome(numbers, history=history, rejects=unusable(chosen, dataset))

    labels = {
        "method": given.method,
        "preset": preset_label(kind, given.preset, **given.settings),
        "search_seed": given.seed,
        **_seen(given.source, manifest),
    }
    settings = searcher.model_dump(mode="json")
    depends: dict[str, Any] = {
        "method": given.method,
        "settings": settings,
        **dataset.identity(getattr(searcher, "resolution", None)),
        "seed": given.seed,
    }
    if code := source_hash(kind):
        depends["code"] = code
    return Work(steps, labels, result_key(kind="search", **depends))
