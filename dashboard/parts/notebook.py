"""An executed notebook as plain blocks: prose, code, text, PNG images and plotly figures, never its HTML or scripts.

A notebook comes with a study's folder, from whoever made it: nothing in it is believed to be harmless. Outputs are
taken by their type; what is not one of these is named and left out, and so is what is too large for a page.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

PLOTLY = "application/vnd.plotly.v1+json"
MOST_BYTES = 30_000_000
MOST_CELLS = 300
MOST_LETTERS = 20_000
MOST_PIXELS = 25_000_000
LARGEST_FIGURE = 5_000_000
LOWER, LOWEST = 2, 6
"""By how much headings of a notebook are lower on a page, which has a title and headings of its own."""

# Drawn by plotly.js alone; maps would ask other hosts for their outlines.
_TRACES = frozenset(
    {"scatter", "scattergl", "bar", "heatmap", "image", "histogram", "box", "violin", "contour", "table"}
)
_FENCE = re.compile(r"\s*(`{3,}|~{3,})(.*)")
_HEADING = re.compile(r"^( {0,3}(?:> ?)*)(#{1,6})(?=\s|$)")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)\s*")
_PICTURE = re.compile(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=]*")
_COLOUR_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_NO_TEXT = re.compile(r"<[\w.]+ object( at 0x[0-9a-f]+)?>|<IPython\.\S+ object>")
_PNG = b"\x89PNG\r\n\x1a\n"
_BROKEN = (KeyError, TypeError, AttributeError)


@dataclass(frozen=True)
class Prose:
    """A Markdown cell, its headings `LOWER` levels lower. Its HTML is to be shown as text; it has no pictures."""

    markdown: str


@dataclass(frozen=True)
class Code:
    """The source of a code cell; `number` counts the code cells from 1."""

    number: int
    source: str


@dataclass(frozen=True)
class Text:
    """Plain text that a cell printed or returned."""

    text: str


@dataclass(frozen=True)
class Picture:
    """A PNG image."""

    png: bytes


@dataclass(frozen=True)
class Figure:
    """A plotly figure as plain data: `data` and `layout`."""

    plotly: Mapping[str, Any]


@dataclass(frozen=True)
class Left:
    """What is not shown, in words."""

    why: str


Block = Prose | Code | Text | Picture | Figure | Left


def read_notebook(path: Path) -> list[Block]:
    """The blocks of a notebook file; `ValueError` says in words why it cannot be shown."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(
            f"the notebook has {size / 1e6:,.0f} MB; shown are those up to {MOST_BYTES / 1e6:.0f}"
        )
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the notebook is not JSON: {error}") from None
    return notebook_blocks(content)


def notebook_blocks(content: Any) -> list[Block]:
    """The blocks of a notebook of format 4, in order; `ValueError` where it is none."""
    if not isinstance(content, dict) or content.get("nbformat") != 4:
        raise ValueError("the file is no notebook of format 4")
    cells = content.get("cells")
    if not isinstance(cells, list):
        raise ValueError("the notebook has no list of cells")
    blocks: list[Block] = []
    number = 0
    for cell in cells[:MOST_CELLS]:
        number += _kind(cell) == "code"
        blocks += _cell(cell, number)
    if len(cells) > MOST_CELLS:
        blocks.append(Left(f"{len(cells) - MOST_CELLS} more cells"))
    return blocks


def _cell(cell: Any, number: int) -> Iterator[Block]:
    try:
        source, kind = _joined(cell["source"]), _kind(cell)
        if kind == "markdown" and source.strip():
            # A picture in Markdown would be asked for at its address.
            yield Prose(_below_the_page(_cut(source)).replace("![", "\\!["))
        if kind == "code" and source.strip():
            yield Code(number, _cut(source))
            for output in cell.get("outputs", []):
                yield _output(output)
    except _BROKEN:
        yield Left("a cell that cannot be read")


def _below_the_page(markdown: str) -> str:
    """The Markdown with lower headings, those with a line below them (=== or ---) included; fenced code stays."""
    lines: list[str] = []
    fence = ""
    for line in markdown.splitlines():
        edge = _FENCE.fullmatch(line)
        if edge and not fence:
            fence = edge[1]
        elif edge and edge[1].startswith(fence) and not edge[2].strip():
            fence = ""
        elif not fence:
            underline = _UNDERLINE.fullmatch(line)
            if underline and lines and _is_text(lines[-1]):
                lines[-1] = f"{_lowered(1 if '=' in line else 2)} {lines[-1].strip()}"
                continue
            line = _HEADING.sub(lambda found: f"{found[1]}{_lowered(len(found[2]))}", line, count=1)
        lines.append(line)
    return "\n".join(lines)


def _lowered(level: int) -> str:
    return "#" * min(level + LOWER, LOWEST)


def _is_text(line: str) -> bool:
    """Whether a line of dashes below would make it a heading: no item of a list, quotation, table or other heading."""
    return bool(line.strip()) and not re.match(r"\s*(#{1,6}\s|[-*+>|]|\d+[.)]\s|`{3}|~{3})| {4}", line)


def _kind(cell: Any) -> Any:
    return cell.get("cell_type") if isinstance(cell, dict) else None


def _output(output: Any) -> Block:
    kind = output["output_type"]
    if kind == "stream":
        return _text(_joined(output["text"]))
    if kind == "error":
        trace = "\n".join(map(str, output.get("traceback", [])))
        return _text(trace or f"{output.get('ename')}: {output.get('evalue')}")
    data = output["data"]
    if PLOTLY in data:
        return _figure(data[PLOTLY])
    if "image/png" in data:
        return _picture(_joined(data["image/png"]))
    text = _joined(data.get("text/plain", ""))
    if text.strip() and not _NO_TEXT.fullmatch(text.strip()):
        return _text(text)
    others = sorted(str(name) for name in data if name != "text/plain")
    return Left(f"an output of type {', '.join(others) or 'text/plain'}")


def _text(text: str) -> Text:
    return Text(_cut(_COLOUR_CODES.sub("", text)))


def _picture(encoded: str) -> Block:
    try:
        png = base64.b64decode(encoded)
        width, height = struct.unpack(">II", png[16:24])
    except (binascii.Error, struct.error):
        return Left("an image that cannot be read")
    if not png.startswith(_PNG):
        return Left("an image that is no PNG")
    if width * height > MOST_PIXELS:
        return Left(f"an image of {width:,} x {height:,} pixels")
    try:
        Image.open(io.BytesIO(png), formats=["PNG"]).verify()
    except (OSError, SyntaxError, ValueError):  # Pillow says so of a PNG that is torn
        return Left("an image that cannot be read")
    return Picture(png)


def _figure(plotly: Any) -> Block:
    """A figure that asks no other host for anything."""
    if len(json.dumps(plotly)) > LARGEST_FIGURE:
        return Left("a figure that is too large for a page")
    traces, layout = plotly.get("data", []), plotly.get("layout") or {}
    kinds = {trace.get("type", "scatter") for trace in traces}
    if not kinds <= _TRACES:
        return Left(f"a figure of type {', '.join(sorted(map(str, kinds - _TRACES)))}")
    pictures = [trace["source"] for trace in traces if trace.get("source") is not None]
    template = layout.get("template") or {}
    for place in (layout, template.get("layout") or {}):
        pictures += [image.get("source", "") for image in place.get("images") or []]
    if not all(_PICTURE.fullmatch(str(source)) for source in pictures):
        return Left("a figure with a picture from another place")
    return Figure({"data": traces, "layout": layout})


def _joined(text: Any) -> str:
    """Text as notebooks hold it: whole, or a list of lines."""
    if isinstance(text, list):
        text = "".join(text)
    if not isinstance(text, str):
        raise TypeError(f"text is needed, found {type(text).__name__}")
    return text


def _cut(text: str) -> str:
    if len(text) <= MOST_LETTERS:
        return text
    return f"{text[:MOST_LETTERS]}\n... {len(text) - MOST_LETTERS:,} more letters"
