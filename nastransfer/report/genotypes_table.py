"""The genotypes of a study: how accurate each is where it was trained, how large, and how two of them differ.

Sizes are those of the standard network (`space.picture`), in closed form, so that they compare across studies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from nastransfer.report.arms import ABLATIONS, RANK_AGREEMENT, feeding_more_than, finished
from nastransfer.report.names import RANDOM, method_name, set_name, source_name
from nastransfer.report.text_table import TextTable
from nastransfer.space.cost import macs, parameters
from nastransfer.space.distance import edge_distance, edit_distance, operation_distance
from nastransfer.space.genotype import CELLS as CELL_KINDS
from nastransfer.space.genotype import CONCAT, Genotype
from nastransfer.space.picture import CELL_TITLES, CELLS, CHANNELS, CLASSES, LOOKS, NODE_NAMES, RESOLUTION

STANDARD = f"standard network: C={CHANNELS}, {CELLS} cells, {CLASSES} classes, {RESOLUTION} px"
DISTANCE_CAPTION, EDGES_CAPTION = "How far apart", "Edge by edge"
SAME, OTHER_OPERATION = "same operation", "other operation"
MOST_NAMES = 2
TOP1 = "top1_"
"""How the column of a target begins."""

# name -> (type, meaning); one column more a target: mean top-1 there
GENOTYPE_COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "found": (pl.String(), "what found or drew it"),
    "searches": (pl.Int64(), "searches that found it"),
    "trainings": (pl.Int64(), "final trainings of it"),
    "params": (pl.Int64(), f"parameters of the {STANDARD}"),
    "macs": (pl.Int64(), f"multiply-adds of the {STANDARD}"),
    "skips": (pl.Int64(), "skip connections among its 16 operations"),
    "digest": (pl.String(), "identity of the architecture"),
}


@dataclass(frozen=True)
class StudyGenotype:
    """A genotype of a study: what found it, and its trainings (rows of the results frame), which may be none."""

    genotype: Genotype
    found: str
    searches: int
    trainings: pl.DataFrame

    @property
    def name(self) -> str:
        """What found it, and as many digits of its digest as tell it apart."""
        return f"{self.found} ({self.genotype.digest[:8]})"


def study_genotypes(frame: pl.DataFrame) -> dict[str, StudyGenotype]:
    """Digest -> genotype of the study's own searches and trainings; those that were trained come first.

    Trainings for rank agreement or an ablation say nothing of how accurate it is on a target; genotypes of these alone,
    and texts that are none, are left out.
    """
    own = frame.filter(pl.col("origin").ne_missing("published"), pl.col("genotype").is_not_null())
    trained = feeding_more_than(finished(own), RANK_AGREEMENT, *ABLATIONS).sort("target", maintain_order=True)
    searches = own.filter(kind="search")
    trainings = {str(text): runs for (text,), runs in trained.partition_by("genotype", as_dict=True).items()}
    counted = dict(searches.group_by("genotype").len().iter_rows())
    found: dict[str, StudyGenotype] = {}
    for text, names in _names(pl.concat([trained.select(own.columns), searches])).items():
        try:
            genotype = Genotype.parse(text)
        except ValueError:
            continue
        runs = trainings.get(text, own.clear())
        found[genotype.digest] = StudyGenotype(genotype, _few(names), counted.get(text, 0), runs)
    return found


def genotype_table(found: dict[str, StudyGenotype]) -> pl.DataFrame:
    """A row a genotype, the best on the first target first. `found`: of `study_genotypes`.

    Columns: `GENOTYPE_COLUMNS` and, for each target, `top1_TARGET`: the mean top-1 of its trainings there, in percent.
    """
    targets = sorted({str(target) for one in found.values() for target in one.trainings["target"].unique()})
    means = [f"{TOP1}{target}" for target in targets]
    rows = [_row(one) | _accuracies(one.trainings) for one in found.values()]
    schema = {name: dtype for name, (dtype, _) in GENOTYPE_COLUMNS.items()}
    table = pl.DataFrame(rows, schema | dict.fromkeys(means, pl.Float64()))
    ordered = table.sort(means[0], descending=True, nulls_last=True) if means else table
    return ordered.select("found", *means, pl.exclude("found", *means))


def accuracy_table(one: StudyGenotype) -> TextTable:
    """A line for each target it was trained on."""
    lines = []
    for (target,), runs in one.trainings.group_by("target", maintain_order=True):
        first = runs.row(0, named=True)
        size = [_counted(first["params"]), _counted(first["macs"])]
        shape = (
            "not recorded"
            if first["cells"] is None
            else f"{first['cells']} cells of {first['channels']} channels"
        )
        top1 = runs["top1_last"].to_list()
        mean = f"{sum(top1) / len(top1):.2f}"
        lines.append((set_name(str(target)), mean, str(len(top1)), *size, shape))
    headers = ("target", "top-1, %", "trainings", "parameters", "multiply-adds", "network")
    return TextTable("As trained in this study", headers, lines)


def distance_table(first: Genotype, second: Genotype) -> TextTable:
    """Three distances of two genotypes, with what they count."""
    lines = [
        (
            "connections",
            f"{edge_distance(first, second)} of 10",
            "pairs of nodes that the other does not join; those of node 0 are no choice",
        ),
        (
            "operations",
            f"{operation_distance(first, second)} of 16",
            "operations between two nodes that the other does not have there: the distance of the map",
        ),
        (
            "graph edit distance",
            str(edit_distance(first, second)),
            "fewest edges to take out, put in or change, whatever the names of inner nodes",
        ),
    ]
    return TextTable(DISTANCE_CAPTION, ("distance", "value", "what it counts"), lines)


def edges_table(first: Genotype, second: Genotype, names: tuple[str, str]) -> TextTable:
    """Every connection that either has: the operation of each on it, and whether that is the same.

    `names`: how the two are called.
    """
    lines = []
    titles = dict(CELL_TITLES)
    for kind in CELL_KINDS:
        one, other = _operations(first, kind), _operations(second, kind)
        for node, source in sorted(one.keys() | other.keys()):
            here, there = one.get((node, source)), other.get((node, source))
            edge = f"{NODE_NAMES[source]} → {NODE_NAMES[node]}"
            lines.append((titles[kind], edge, _looked(here), _looked(there), _compared(here, there)))
    return TextTable(EDGES_CAPTION, ("cell", "edge", *names, "in common"), lines)


def _row(one: StudyGenotype) -> dict[str, Any]:
    genotype = one.genotype
    return {
        "digest": genotype.digest,
        "found": one.found,
        "searches": one.searches,
        "trainings": one.trainings.height,
        "params": parameters(genotype, CLASSES, CHANNELS, CELLS),
        "macs": macs(genotype, CLASSES, CHANNELS, CELLS, resolution=RESOLUTION),
        "skips": sum(edge.op == "skip_connect" for edge in genotype.edges()),
    }


def _accuracies(runs: pl.DataFrame) -> dict[str, float]:
    means = runs.group_by("target").agg(pl.col("top1_last").mean())
    return {f"{TOP1}{target}": top1 for target, top1 in means.iter_rows()}


def _names(rows: pl.DataFrame) -> dict[str, list[str]]:
    """Genotype -> what found it, each once."""
    names: dict[str, list[str]] = {}
    columns = ["genotype", "method", "source", "selection", "search_seed"]
    for row in rows.select(columns).unique(maintain_order=True).iter_rows(named=True):
        names.setdefault(row["genotype"], []).append(_found(row))
    return {text: list(dict.fromkeys(said)) for text, said in names.items()}


def _found(row: dict[str, Any]) -> str:
    """`DARTS from cifar10, seed 4`, `random genotype 3`, `DARTS_V2`."""
    method, seed = row["method"], row["search_seed"]
    if row["source"] is not None:
        numbered = "" if seed is None else f", seed {seed}"
        return f"{method_name(method)} from {source_name(row['source'], row['selection'])}{numbered}"
    if method == RANDOM:
        return "random genotype" if seed is None else f"random genotype {seed}"
    return method_name(method)


def _few(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return "; ".join(names[:MOST_NAMES]) + more


def _operations(genotype: Genotype, kind: str) -> dict[tuple[int, int], str]:
    """(node, source) -> operation of a cell's kept edges."""
    pairs = zip(CONCAT, genotype.cell(kind), strict=True)
    return {(node, edge.source): edge.op for node, pair in pairs for edge in pair}


def _looked(op: str | None) -> str:
    return "-" if op is None else LOOKS[op].label


def _compared(here: str | None, there: str | None) -> str:
    if here is None or there is None:
        return "no"
    return SAME if here == there else OTHER_OPERATION


def _counted(value: int | None) -> str:
    return "not recorded" if value is None else f"{value:,}"
