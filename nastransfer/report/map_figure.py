"""A map of genotypes: those that share many kept edges and operations lie near each other.

The distance of two genotypes is the number of kept (node, source, operation) that one has and the other lacks. Its
square root is Euclidean (half the squared distance of one-hot rows), so that classical scaling (Torgerson 1952) is a
principal component analysis and takes thousands of genotypes in a moment. The graph edit distance has no such form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import polars as pl
from numpy.typing import NDArray

from nastransfer.report.grid import Sheet, Words
from nastransfer.report.marks import dots, key, mean_mark, with_hover
from nastransfer.report.names import method_name
from nastransfer.report.style import empty_figure, method_looks
from nastransfer.space.encoding import to_one_hot
from nastransfer.space.genotype import Genotype

TITLE = "Map of the genotypes found"
NOTHING = "No genotype yet: the first mark appears when a search has finished or a random genotype has been trained."

_DRAWN = ("study", "method", "preset", "source", "selection", "search_seed", "genotype")
_PIXELS = 380


@dataclass(frozen=True)
class Layout:
    """Places [genotypes, 2] of genotypes, and the share of their squared distances that two axes can show."""

    places: NDArray[np.float64]
    share: float


def classical_scaling(genotypes: list[Genotype]) -> Layout:
    """The two main axes of the genotypes' distances; the same genotypes give the same places."""
    hot = np.stack([to_one_hot(genotype).ravel() for genotype in genotypes]).astype(np.float64)
    hot -= hot.mean(axis=0)
    variances, axes = np.linalg.eigh(hot.T @ hot)
    main = axes[:, -1:-3:-1]
    main = main * np.sign(main[np.abs(main).argmax(axis=0), [0, 1]])
    total = variances.sum()
    return Layout(hot @ main, float(variances[-2:].sum() / total) if total > 1e-9 else 1.0)


def genotype_map(frame: pl.DataFrame) -> go.Figure:
    """A dot for each genotype found or drawn, a large mark at the middle of each method's.

    The dot's run is the training, or the search where none has finished. Genotypes that cannot be read are left out.
    """
    rows, genotypes = _found(with_hover(frame))
    if not genotypes:
        return empty_figure(NOTHING, TITLE)
    known = list(dict.fromkeys(genotypes))
    layout = classical_scaling(known)
    at = {genotype: place for place, genotype in enumerate(known)}
    placed = layout.places[[at[genotype] for genotype in genotypes]]
    rows = rows.with_columns(x=placed[:, 0], y=placed[:, 1])
    groups = {str(method): group for (method,), group in rows.group_by("method", maintain_order=True)}
    looks = method_looks(groups)
    keys = [key(method_name(method), look) for method, look in looks.items()]
    note = (
        "Near: many edges and operations in common; large: the middle of a method's. The axes show "
        f"{layout.share:.0%} of the squared distances."
    )
    title = f"{len(known):,} genotypes"
    sheet = Sheet(Words(TITLE, note, _in_words(groups, known, layout)), [title], [_PIXELS], keys)
    for method, look in looks.items():
        group = groups[method]
        sheet.add(1, dots(group, group["x"].to_list(), group["y"].to_list(), look))
    for method, look in looks.items():
        x, y = _middle(groups[method])
        said = [f"middle of {method_name(method)}", f"{groups[method].height} genotypes"]
        sheet.add(1, mean_mark(x, y, look, said))
    unnamed = {"showticklabels": False, "ticks": "", "zeroline": False}
    sheet.axis("x", 1, title={"text": "first axis"}, **unnamed)
    sheet.axis("y", 1, title={"text": "second axis"}, scaleanchor="x", **unnamed)
    return sheet.figure()


def _found(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[Genotype]]:
    """One row for each search or random draw and its genotype; a training comes before the search it belongs to."""
    rows = frame.filter(
        pl.col("kind").is_in(["augment", "search"]),
        pl.col("origin").is_in(["own", "linked"]),
        pl.col("genotype").is_not_null(),
        pl.col("feeds").ne_missing("rank_agreement"),
    )
    rows = rows.sort("kind", maintain_order=True).unique(_DRAWN, keep="first", maintain_order=True)
    readable: dict[str, Genotype] = {}
    for text in rows["genotype"].unique(maintain_order=True):
        try:
            readable[text] = Genotype.parse(text)
        except ValueError:
            continue
    rows = rows.filter(pl.col("genotype").is_in(list(readable)))
    return rows, [readable[text] for text in rows["genotype"]]


def _middle(group: pl.DataFrame) -> tuple[float, float]:
    return float(group["x"].to_numpy().mean()), float(group["y"].to_numpy().mean())


def _in_words(groups: dict[str, pl.DataFrame], known: list[Genotype], layout: Layout) -> str:
    said = [
        f"{method_name(method)}: {group.height} genotypes, {group['genotype'].n_unique()} of them distinct"
        for method, group in groups.items()
    ]
    return (
        f"{TITLE}: {len(known)} distinct genotypes, placed by the operations they share on their edges; the two axes "
        f"show {layout.share:.0%} of the squared distances. {'; '.join(said)}."
    )
