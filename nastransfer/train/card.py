"""The model card of an exported network, in Hugging Face's form: a YAML head, then what a reader needs, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent
from typing import Any

import yaml

from nastransfer.space.genotype import CONCAT, Cell, Genotype
from nastransfer.space.picture import CELL_TITLES, LOOKS, NODE_NAMES
from nastransfer.train.architecture import OF_CELLS
from nastransfer.train.kept import Kept
from nastransfer.train.protocol import Protocol

# Licences that data sets here are under, as they write them: the identifier that Hugging Face has for them.
_LICENCES = {"CC BY 4.0": "cc-by-4.0"}
# Names of more classes would fill the page.
_CLASSES_SHOWN = 20


def model_card(kept: Kept, origin: Mapping[str, str], *, program: bool = True) -> str:
    """The card as Markdown. `origin`: further lines of the table of origins. `program`: whether there is a `.pt2`."""
    title = f"{_called(kept)} trained on {kept.dataset}"
    sections = [
        f"---\n{yaml.safe_dump(_head(kept, title), sort_keys=False, allow_unicode=True)}---",
        f"# {title}",
        _summary(kept),
        "## How to use it",
        _use(kept, program),
        "## Architecture",
        _drawn(kept),
        "## Training",
        _training(kept),
        "## Data and terms",
        _data(kept),
        "## Origin",
        _table({"seed": str(kept.seed), "versions": kept.versions, **origin}),
    ]
    return "\n\n".join(sections) + "\n"


def _called(kept: Kept) -> str:
    network = kept.network
    return f"Cells {network.digest}" if isinstance(network, Genotype) else str(network)


def _head(kept: Kept, title: str) -> dict[str, Any]:
    """Fields that Hugging Face reads; the licence is that of the images where it has a name there."""
    licence = next((name for said, name in _LICENCES.items() if said in kept.terms), None)
    named = {"license": licence or "other"}
    if licence is None:
        named |= {"license_name": "terms-of-the-training-data", "license_link": "#data-and-terms"}
    score = {"type": "accuracy", "value": round(kept.top1_last, 4), "name": "top-1 after the last epoch, %"}
    task = {"type": "image-classification"}
    dataset = {"name": kept.dataset, "type": kept.dataset, "split": "test"}
    cells = ["neural-architecture-search", "darts"] if isinstance(kept.network, Genotype) else ["resnet"]
    return {
        **named,
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", *cells, "pytorch", "nastransfer"],
        "datasets": [kept.dataset],
        "metrics": ["accuracy"],
        "model-index": [{"name": title, "results": [{"task": task, "dataset": dataset, "metrics": [score]}]}],
    }


def _summary(kept: Kept) -> str:
    top5 = "" if kept.top5_last is None else f"; top-5 {kept.top5_last:.2f}%"
    return (
        f"Top-1 accuracy on the {kept.n_test:,} test images of {kept.dataset}: **{kept.top1_last:.2f}%** after the "
        f"last epoch{top5}.\nThe best epoch had {kept.top1_best:.2f}%, chosen on the test images and so too good.\n"
        f"One training with seed {kept.seed}: how much another seed changes is not known from it.\n\n"
        f"{kept.params:,} parameters, {kept.macs:,} multiply-adds for an image of {kept.pixels} pixels a side."
    )


def _use(kept: Kept, program: bool) -> str:
    mean, std = list(kept.mean), list(kept.std)
    # As test images were prepared: the middle of the image, all of its shorter side for small inputs.
    shorter = round(kept.pixels * 256 / 224) if kept.stem == "imagenet" else kept.pixels
    text = f"""\
        ```python
        import torch
        from torchvision.transforms import v2
        import nastransfer as nt

        prepare = v2.Compose([v2.ToImage(), v2.Resize({shorter}), v2.CenterCrop({kept.pixels}),
                              v2.ToDtype(torch.float32, scale=True),
                              v2.Normalize({mean}, {std})])
        network = nt.load_network("<this folder>")  # safetensors and JSON only, no pickle
        with torch.no_grad():
            logits = network(prepare(image)[None])  # [1, {len(kept.classes)}]
        ```"""
    if not program:
        return dedent(text)
    return dedent(text) + (
        '\n\n`network.pt2` is optional: `torch.export.load("network.pt2").module()` runs the same network with torch '
        "alone.\nIts format holds pickled parts, so load it only from somebody you trust; `model.safetensors` needs no "
        "such trust."
    )


def _drawn(kept: Kept) -> str:
    network, protocol = kept.network, kept.protocol
    if not isinstance(network, Genotype):
        stem = "a 3x3 convolution without stride or pool" if kept.stem == "cifar" else "torchvision's own"
        return (
            f"Torchvision's `{network}` from fresh weights (He et al. 2016, arXiv 1512.03385). Stem: {stem}."
        )
    cells = "\n\n".join(f"{title}\n{_lines(network.cell(kind))}" for kind, title in CELL_TITLES)
    return (
        f"{protocol.cells} cells of the DARTS space, {protocol.channels} channels in the first, stem `{kept.stem}`. "
        "k-2 and k-1 are\nthe outputs of the two cells before; the cell's output joins its four nodes.\n\n"
        f"```text\n{cells}\n```\n\n```text\n{network}\n```"
    )


def _lines(cell: Cell) -> str:
    """A cell as text, a node a line: `node 0 = sep 3×3 (k-2) + skip (k-1)`."""
    return "\n".join(
        f"  node {NODE_NAMES[node]} = "
        + " + ".join(f"{LOOKS[op].label} ({NODE_NAMES[source]})" for op, source in pair)
        for node, pair in zip(CONCAT, cell, strict=True)
    )


def _training(kept: Kept) -> str:
    left_out = {"name", "version"} if isinstance(kept.network, Genotype) else {"name", "version", *OF_CELLS}
    settings = kept.protocol.model_dump(mode="json", exclude=left_out)
    rows = "\n".join(
        f"| {name} | {'-' if value is None else value} | {Protocol.model_fields[name].description} |"
        for name, value in settings.items()
    )
    return (
        f"Protocol `{kept.protocol.label}` (version {kept.protocol.version}) on {kept.n_train:,} training images, from "
        f"fresh weights.\n\n| setting | value | meaning |\n| --- | --- | --- |\n{rows}"
    )


def _data(kept: Kept) -> str:
    kind = "synthetic images" if kept.synthetic else kept.domain
    shown = ", ".join(kept.classes[:_CLASSES_SHOWN])
    if len(kept.classes) > _CLASSES_SHOWN:
        shown += ", ... (all names are in the metadata of `model.safetensors`)"
    return (
        f"{kept.dataset}: {kind}, {len(kept.classes)} classes: {shown}.\n"
        f"Content hash of the list of images: `{kept.images}`.\n\nTerms of the data: {kept.terms}.\n"
        "The weights were learnt from these images: whether what you want to do with them is allowed depends on these "
        "terms."
    )


def _table(rows: Mapping[str, str]) -> str:
    lines = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"| | |\n| --- | --- |\n{lines}"
