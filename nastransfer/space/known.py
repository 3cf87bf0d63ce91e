"""Published cells of the DARTS space by name, each with the paper and the place it was read from (no torch)."""

from dataclasses import dataclass

from nastransfer.space.genotype import CONCAT, Genotype

SHORT_NAMES = {
    "max": "max_pool_3x3",
    "avg": "avg_pool_3x3",
    "skip": "skip_connect",
    "sep3": "sep_conv_3x3",
    "sep5": "sep_conv_5x5",
    "dil3": "dil_conv_3x3",
    "dil5": "dil_conv_5x5",
}
"""Short names of the operations, as used here and in captions."""


@dataclass(frozen=True)
class KnownGenotype:
    """A published genotype, the paper that reports it, and the repository file that it stands in."""

    name: str
    genotype: Genotype
    paper: str
    source: str


def known_genotypes() -> dict[str, KnownGenotype]:
    """All published genotypes here, by name."""
    return {known.name: known for known in _KNOWN}


def known_genotype(name: str) -> Genotype:
    """The published genotype `name`; ValueError names those that are here."""
    known = known_genotypes()
    if name not in known:
        raise ValueError(f"unknown genotype {name!r}; known are {', '.join(known)}")
    return known[name].genotype


def _cell(text: str) -> list[list[tuple[str, int]]]:
    """Read `sep3 0, sep3 1; ...`: nodes between semicolons, in each two operations with their sources."""
    nodes = [node.split(",") for node in text.split(";")]
    if len(nodes) != len(CONCAT):
        raise ValueError(f"a cell has {len(CONCAT)} nodes, got {len(nodes)} in {text!r}")
    return [[(SHORT_NAMES[edge.split()[0]], int(edge.split()[1])) for edge in node] for node in nodes]


def _known(name: str, normal: str, reduce: str, paper: str, source: str) -> KnownGenotype:
    # Genotype itself brings nested lists to their frozen form.
    return KnownGenotype(
        name, Genotype.parse({"normal": _cell(normal), "reduce": _cell(reduce)}), paper, source
    )


_DARTS = "Liu, Simonyan, Yang: DARTS, ICLR 2019 (arXiv 1806.09055)"
_PC_DARTS = "Xu et al.: PC-DARTS, ICLR 2020 (arXiv 1907.05737)"

_KNOWN = (
    _known(
        "DARTS_V1",
        "sep3 1, sep3 0; skip 0, sep3 1; skip 0, sep3 1; sep3 0, skip 2",
        "max 0, max 1; skip 2, max 0; max 0, skip 2; skip 2, avg 0",
        f"{_DARTS}, first order",
        "github.com/quark0/darts cnn/genotypes.py",
    ),
    _known(
        "DARTS_V2",
        "sep3 0, sep3 1; sep3 0, sep3 1; sep3 1, skip 0; skip 0, dil3 2",
        "max 0, max 1; skip 2, max 1; max 0, skip 2; skip 2, max 1",
        f"{_DARTS}, second order",
        "github.com/quark0/darts cnn/genotypes.py",
    ),
    _known(
        "SNAS",
        "sep3 0, sep3 1; skip 0, dil3 1; skip 1, skip 0; skip 0, sep3 1",
        "max 0, max 1; max 1, skip 2; skip 2, max 1; max 0, dil5 2",
        "Xie et al.: SNAS, ICLR 2019 (arXiv 1812.09926), mild constraint",
        "github.com/xiaomi-automl/FairDARTS (the authors published no genotype file)",
    ),
    _known(
        "GDAS_V1",
        "skip 0, skip 1; skip 0, sep5 2; sep3 3, skip 0; sep5 4, sep3 3",
        "sep5 0, sep3 1; sep5 2, sep5 1; dil5 2, sep3 1; sep5 0, sep5 1",
        "Dong, Yang: Searching for a Robust Neural Architecture in Four GPU Hours, CVPR 2019 (arXiv 1910.04465)",
        "github.com/D-X-Y/AutoDL-Projects lib/nas_infer_model/DXYs/genotypes.py",
    ),
    _known(
        "PDARTS",
        "skip 0, dil3 1; skip 0, sep3 1; sep3 1, sep3 3; sep3 0, dil5 4",
        "avg 0, sep5 1; sep3 0, dil5 2; max 0, dil3 1; dil3 1, dil5 3",
        "Chen et al.: Progressive DARTS, ICCV 2019 (arXiv 1904.12760)",
        "github.com/chenxin061/pdarts genotypes.py",
    ),
    _known(
        "PC_DARTS_CIFAR",
        "sep3 1, skip 0; sep3 0, dil3 1; sep5 0, sep3 1; avg 0, dil3 1",
        "sep5 1, max 0; sep5 1, sep5 2; sep3 0, sep3 3; sep3 1, sep3 2",
        f"{_PC_DARTS}, searched on CIFAR-10",
        "github.com/yuhuixu1993/PC-DARTS genotypes.py",
    ),
    _known(
        "PC_DARTS_IMAGENET",
        "skip 1, sep3 0; sep3 0, skip 1; sep3 1, sep3 3; sep3 1, dil5 4",
        "sep3 0, skip 1; dil5 2, max 1; sep3 2, sep3 1; sep5 0, sep3 3",
        f"{_PC_DARTS}, searched on ImageNet",
        "github.com/yuhuixu1993/PC-DARTS genotypes.py",
    ),
)
