"""Genotypes in the spellings of other code (no torch)."""

import json
from collections.abc import Callable

from nastransfer.space.genotype import CELLS, CONCAT, INPUTS, Genotype, edge_index

_NASBENCH301 = "NetworkSelectorDatasetInfo:darts"


def export(genotype: Genotype, form: str) -> str:
    """The genotype as text for other code.

    "darts": the flat `Genotype(...)` of quark0/darts and its descendants; "pt.darts": nested by node, as `str` gives
    it; "nasbench301": the ConfigSpace names of NAS-Bench-301 (Zela et al., 2022) as a JSON object.
    """
    if form not in _FORMS:
        raise ValueError(f"unknown form {form!r} of a genotype; allowed are {', '.join(_FORMS)}")
    return _FORMS[form](genotype)


def _flat(genotype: Genotype) -> str:
    flat = {kind: [tuple(edge) for pair in genotype.cell(kind) for edge in pair] for kind in CELLS}
    return f"Genotype({', '.join(f'{kind}={flat[kind]}, {kind}_concat={list(CONCAT)}' for kind in CELLS)})"


def _nasbench301(genotype: Genotype) -> str:
    names: dict[str, str] = {}
    for kind in CELLS:
        for node, pair in zip(CONCAT, genotype.cell(kind), strict=True):
            for op, source in pair:
                names[f"{_NASBENCH301}:edge_{kind}_{edge_index(node, source)}"] = op
            # The first node has both inputs, so there is nothing to choose.
            if node > INPUTS:
                names[f"{_NASBENCH301}:inputs_node_{kind}_{node}"] = "_".join(
                    str(edge.source) for edge in pair
                )
    return json.dumps(names, sort_keys=True)


_FORMS: dict[str, Callable[[Genotype], str]] = {"darts": _flat, "pt.darts": str, "nasbench301": _nasbench301}
