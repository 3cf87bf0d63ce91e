"""NASTransfer: which search method, on which proxy set, finds an architecture that works on a large target set.

Names are loaded on first use, so that importing the package is fast and does not import torch.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Genotype": "space.genotype",
    "mutate": "space.encoding",
    "Network": "space.network",
    "Supernet": "space.supernet",
    "Manifest": "data.manifest",
    "Dataset": "data.datasets",
    "datasets": "data.datasets",
    "folder": "data.datasets",
    "table": "data.datasets",
    "open_dataset": "data.datasets",
    "ProxySpec": "data.proxies",
    "proxies": "data.proxies",
    "build_proxy": "data.proxies",
    "describe": "data.descriptors",
    "Protocol": "train.protocol",
    "protocol": "train.protocol",
    "protocols": "train.protocol",
    "AugmentResult": "train.augment",
    "augment": "train.augment",
    "augment_steps": "train.augment",
    "load_network": "train.export",
    "preflight": "train.preflight",
    "profile_training": "train.profiling",
    "Searcher": "search.searcher",
    "SearchStep": "search.searcher",
    "SearchResult": "search.drive",
    "searchers": "search.searcher",
    "parity_card": "search.parity",
    "search": "search.drive",
    "search_steps": "search.drive",
    "relative_improvement": "stats.improvement",
    "Ledger": "study.ledger",
    "Study": "study.study",
    "results": "study.ledger",
    "published": "study.published",
    "decide": "advice",
    "write_report": "advice",
    "claims": "report.claims.table",
    "begin": "study.task",
    "parameters": "study.task",
    "export": "study.export",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; public names are {__all__}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
