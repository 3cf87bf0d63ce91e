"""Table 1 of NASTransfer, published and built here: every set and proxy, and in words where the two differ and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from nastransfer.data.datasets import open_dataset
from nastransfer.data.manifest import Manifest
from nastransfer.data.planned import planned_manifest
from nastransfer.data.proxies import build_proxy, proxies
from nastransfer.report.latex import latex_file, latex_table
from nastransfer.report.markup import html_table
from nastransfer.report.names import listed
from nastransfer.study import published

CAPTION = "Table 1 of NASTransfer: published / built here"
HEADERS = ("set", "selection", "classes", "train", "val", "built from", "difference")
NOT_HERE = "not here: neither its images nor its class counts were found"
NO_DIFFERENCE = "none"
LEGEND = (
    "Each cell: as printed / as built here. val: the test part of whole sets, the official validation images in "
    "ImageNet1K's proxies, the second half of what a search sees in ImageNet22K's. Class counts: the set's images are "
    "not here, its proxies were built from its published number of images a class. A number that rounds to the printed "
    "one is no difference."
)

# The two further readings of P2 are compared with what is printed for P2 (AMB-20).
_READINGS = {"imagenet22k-p2-half": "imagenet22k-p2", "imagenet22k-p2-35k": "imagenet22k-p2"}
_PLANNED = {"mit67": "official lists"}
_RANDOM = "the draw of the paper is not published, and classes differ in size"
_WHY = {
    "mit67": "the official lists are used: 80 training and about 20 test images a class",
    "imagenet1k": "1.2M is 1,281,167 cut off, not rounded",
    "imagenet22k": "the printed parts sum to 14.5M, the release has 14,197,114 images; each class is cut at 7.5 : 7.0",
    "imagenet22k-p2": "0.97% of each class and part, classes with 2 or more left in both: the reading that gives the "
    "printed number of classes by the stated rule",
    "imagenet22k-p2-half": "0.97% of the test part alone, then halved: the printed number of classes, and near the "
    "printed sizes",
    "imagenet22k-p2-35k": "the printed totals, which leave fewer classes with 2 images in both parts",
    "imagenet22k-p3": "evenly spaced classes of other sizes than the paper's, whose choice is not published",
}


@dataclass(frozen=True)
class Built:
    """A set or proxy as it was built here: numbers of classes and images, what it was built from."""

    name: str
    classes: int
    train: int
    val: int
    origin: str

    @classmethod
    def of(cls, name: str, manifest: Manifest, origin: str) -> Built:
        """The numbers of a manifest; its val part, or the test part where it has none."""
        val = manifest.count("val") or manifest.count("test")
        return cls(name, len(manifest.classes), manifest.count("train"), val, origin)


def build_here(root: str | Path | None = None, seed: int = 2) -> Iterator[Built]:
    """Every set of Table 1 and every proxy of `nt.proxies()` that can be built on this machine.

    From a set's images where they are present, else from its class counts. `root` as in `nt.open_dataset`.
    """
    named = proxies()
    for name in published.published_sets().filter(pl.col("selection") == "all")["name"]:
        manifest, origin = _manifest(name, root)
        if manifest is None:
            continue
        yield Built.of(name, manifest, origin)
        for proxy, spec in named.items():
            if proxy.startswith(f"{name}-"):
                yield Built.of(proxy, build_proxy(manifest, spec, seed), origin)


def _manifest(name: str, root: str | Path | None) -> tuple[Manifest | None, str]:
    """A whole set's manifest and what it was built from; None where there is neither a set nor its counts."""
    try:
        return open_dataset(name, root).manifest, "images"
    except ValueError:
        return planned_manifest(name, root), _PLANNED.get(name, "class counts")


def table_1(built: Iterable[Built]) -> pl.DataFrame:
    """A row each set and proxy of Table 1 and each further reading of P2, in the paper's order.

    Columns: set, selection, published_classes, published_train, published_val (images as printed: `128K`), built_from,
    built_classes, built_train, built_val (null where it was not built), difference (a sentence, or `none`).
    """
    found = {one.name: one for one in built}
    rows = []
    for printed in published.published_sets().iter_rows(named=True):
        for name in [
            printed["name"],
            *(reading for reading, of in _READINGS.items() if of == printed["name"]),
        ]:
            here = found.get(name)
            rows.append(
                {
                    "set": name,
                    "selection": printed["selection"],
                    **{f"published_{column}": printed[column] for column in ("classes", "train", "val")},
                    "built_from": here.origin if here else None,
                    **{
                        f"built_{column}": getattr(here, column, None)
                        for column in ("classes", "train", "val")
                    },
                    "difference": _difference(here, printed) if here else NOT_HERE,
                }
            )
    return pl.DataFrame(rows, infer_schema_length=None)


def table_1_html(table: pl.DataFrame) -> str:
    """The table as an HTML fragment that takes on the page's colours; narrow screens get a card a row."""
    return html_table(CAPTION, HEADERS, _lines(table), (LEGEND,))


def table_1_latex(table: pl.DataFrame) -> str:
    """The same in LaTeX, the last two columns as sentences below it. As CSV: `csv_text` of the table."""
    built = [f"Built from {what}: {names}." for what, names in _together(table, "built_from")]
    differences = [
        f"{names}: {what}." for what, names in _together(table, "difference") if what != NO_DIFFERENCE
    ]
    lines = [line[:-2] for line in _lines(table)]
    below = (LEGEND, *built, *differences)
    return latex_file([latex_table(CAPTION, HEADERS[:-2], lines, below, "tab:nastransfer-1")])


def _together(table: pl.DataFrame, column: str) -> list[tuple[str, str]]:
    """Each value of a column with the sets that have it, in words."""
    groups = table.drop_nulls(column).group_by(column, maintain_order=True).agg("set")
    return [(value, listed(names)) for value, names in groups.iter_rows()]


def _lines(table: pl.DataFrame) -> list[tuple[str, ...]]:
    return [
        (
            row["set"],
            row["selection"],
            *(
                _pair(row[f"published_{column}"], row[f"built_{column}"])
                for column in ("classes", "train", "val")
            ),
            row["built_from"] or "-",
            row["difference"],
        )
        for row in table.iter_rows(named=True)
    ]


def _difference(here: Built, printed: dict[str, str | int]) -> str:
    said = []
    if here.classes != printed["classes"]:
        said.append(f"{here.classes:,} classes instead of {printed['classes']:,}")
    for part in ("train", "val"):
        like, number = str(printed[part]), getattr(here, part)
        if _as_printed(number, like) != like:
            said.append(f"{number:,} {part} images, {_compared(number, _value(like))} the printed {like}")
    if not said:
        return NO_DIFFERENCE
    return "; ".join([*said, *_reasons(here, printed)])


def _reasons(here: Built, printed: dict[str, str | int]) -> Iterable[str]:
    """Why the numbers differ, as far as it is known."""
    share = (here.train + here.val) / (_value(str(printed["train"])) + _value(str(printed["val"])))
    if printed["selection"] == "all" and share < 0.9 and here.origin == "images":
        return [f"what is here holds {share:.0%} of the set's images"]
    if here.name in _WHY:
        return [_WHY[here.name]]
    return [_RANDOM] if printed["selection"] == "random" else []


def _as_printed(number: int, like: str) -> str:
    """`number` with the unit and as many digits after the point as `like`: 1682, `1.7K` -> `1.7K`."""
    digits = len(like[:-1].partition(".")[2])
    return f"{number / _UNITS[like[-1]]:.{digits}f}{like[-1]}"


def _value(printed: str) -> float:
    return float(printed[:-1]) * _UNITS[printed[-1]]


_UNITS = {"K": 1_000, "M": 1_000_000}


def _compared(number: int, with_what: float) -> str:
    ratio = number / with_what
    if ratio >= 1.5:
        return f"{ratio:.1f} times"
    if ratio > 0.66:
        return f"{abs(ratio - 1):.1%} {'above' if ratio > 1 else 'below'}"
    return f"{ratio:.0%} of"


def _pair(printed: str | int, here: int | None) -> str:
    shown = f"{printed:,}" if isinstance(printed, int) else printed
    return f"{shown} / {'-' if here is None else f'{here:,}'}"
