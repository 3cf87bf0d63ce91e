"""Executed notebooks as blocks: by type, without HTML, scripts or addresses of others, whatever is broken."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from parts import notebook
from parts.notebook import Code, Figure, Left, Picture, Prose, Text, notebook_blocks, read_notebook


def png(width: int = 2) -> str:
    content = io.BytesIO()
    Image.new("RGB", (width, 1)).save(content, "png")
    return base64.b64encode(content.getvalue()).decode()


def blocks(*cells: Any) -> list[notebook.Block]:
    return notebook_blocks({"nbformat": 4, "cells": list(cells)})


def code(*outputs: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": "x", "outputs": list(outputs)}


def display(**data: Any) -> dict[str, Any]:
    named = {name.replace("__", "/").replace("_", "-"): value for name, value in data.items()}
    return {"output_type": "display_data", "data": named}


def plotly(**figure: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {notebook.PLOTLY: figure, "text/html": "<script>"}}


def of_output(output: Any) -> notebook.Block:
    first, block = blocks(code(output))
    assert first == Code(1, "x")
    return block


def test_prose_and_code_come_in_order_and_code_cells_are_numbered() -> None:
    said = {"cell_type": "markdown", "source": ["# Title\n", "text"]}
    assert blocks(code(), said, code(), {"cell_type": "raw", "source": "raw"}) == [
        Code(1, "x"),
        Prose("### Title\ntext"),
        Code(2, "x"),
    ]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("# a\n## b\n##### c\n###### d", "### a\n#### b\n###### c\n###### d"),
        ("#\n > # quoted\n#tag, a # b", "###\n > ### quoted\n#tag, a # b"),
        ("Title\n=====\nPart\n---", "### Title\n#### Part"),
        ("text\n\n---\n- item\n---\n> said\n---", "text\n\n---\n- item\n---\n> said\n---"),
        ("|a|\n|-|\n---\n    # code", "|a|\n|-|\n---\n    # code"),
        ("```sh\n# why\nx\n---\n``` no\n```\n# a", "```sh\n# why\nx\n---\n``` no\n```\n### a"),
        ("~~~~\n# why\n~~~\n```\n~~~~~\n# a", "~~~~\n# why\n~~~\n```\n~~~~~\n### a"),
        ("- x\n  ```\n  # why\n  ```\n# a", "- x\n  ```\n  # why\n  ```\n### a"),
        ("```\n# never closed", "```\n# never closed"),
    ],
)
def test_headings_are_lower_than_those_of_the_page(written: str, shown: str) -> None:
    assert blocks({"cell_type": "markdown", "source": written}) == [Prose(shown)]


def test_a_picture_in_prose_becomes_a_link() -> None:
    assert blocks({"cell_type": "markdown", "source": "![seen](https://other/x.png)"}) == [
        Prose("\\![seen](https://other/x.png)")
    ]


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ({"output_type": "stream", "text": ["a\n", "b"]}, Text("a\nb")),
        (
            {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[31mred\x1b[0m"]},
            Text("red"),
        ),
        ({"output_type": "error", "ename": "E", "evalue": "v"}, Text("E: v")),
        (display(text__plain="4", text__html="<b>4</b>"), Text("4")),
        (display(text__html="<script>x</script>"), Left("an output of type text/html")),
        (
            display(text__plain="<IPython.core.display.HTML object>", text__html="<b>x</b>"),
            Left("an output of type text/html"),
        ),
        (display(application__javascript="x"), Left("an output of type application/javascript")),
        (
            {"output_type": "display_data", "data": {"image/svg+xml": "<svg>"}},
            Left("an output of type image/svg+xml"),
        ),
        (display(image__png="!!"), Left("an image that cannot be read")),
        (
            display(image__png=base64.b64encode(b"GIF89a" + bytes(30)).decode()),
            Left("an image that is no PNG"),
        ),
        ({"output_type": "display_data"}, Left("a cell that cannot be read")),
        (7, Left("a cell that cannot be read")),
    ],
)
def test_outputs_are_taken_by_their_type(output: Any, shown: notebook.Block) -> None:
    assert of_output(output) == shown


def test_a_png_is_shown_up_to_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = of_output(display(image__png=png()))
    assert isinstance(shown, Picture) and shown.png.startswith(b"\x89PNG")
    torn = base64.b64encode(shown.png[:40]).decode()
    assert of_output(display(image__png=torn)) == Left("an image that cannot be read")
    monkeypatch.setattr(notebook, "MOST_PIXELS", 1)
    assert of_output(display(image__png=png())) == Left("an image of 2 x 1 pixels")


def test_a_plotly_figure_is_plain_data() -> None:
    inside = {"source": f"data:image/png;base64,{png()}", "type": "image"}
    shown = of_output(
        plotly(data=[{"y": [1]}, inside], layout={"title": {"text": "t"}}, config={"editable": True})
    )
    assert shown == Figure({"data": [{"y": [1]}, inside], "layout": {"title": {"text": "t"}}})


@pytest.mark.parametrize(
    ("figure", "why"),
    [
        ({"data": [{"type": "scattergeo"}]}, "a figure of type scattergeo"),
        (
            {"data": [{"type": "image", "source": "https://other/x.png"}]},
            "a figure with a picture from another place",
        ),
        (
            {"data": [], "layout": {"images": [{"source": "//other"}]}},
            "a figure with a picture from another place",
        ),
        ({"data": [], "layout": {"images": [{}]}}, "a figure with a picture from another place"),
        (
            {"data": [], "layout": {"template": {"layout": {"images": [{"source": "//other"}]}}}},
            "a figure with a picture from another place",
        ),
        ({"data": 3}, "a cell that cannot be read"),
    ],
)
def test_a_figure_that_asks_others_is_left_out(figure: dict[str, Any], why: str) -> None:
    assert of_output(plotly(**figure)) == Left(why)


def test_what_is_too_large_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(notebook, "MOST_LETTERS", 3)
    assert of_output({"output_type": "stream", "text": "abcde"}) == Text("abc\n... 2 more letters")
    monkeypatch.setattr(notebook, "MOST_CELLS", 1)
    assert blocks(code(), code(), code())[-1] == Left("2 more cells")
    monkeypatch.setattr(notebook, "LARGEST_FIGURE", 5)
    assert of_output(plotly(data=[{"y": [1, 2, 3]}])) == Left("a figure that is too large for a page")
    path = tmp_path / "notebook.ipynb"
    path.write_text("{}", encoding="utf-8")
    monkeypatch.setattr(notebook, "MOST_BYTES", 1)
    with pytest.raises(ValueError, match="the notebook has 0 MB"):
        read_notebook(path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not JSON"),
        ('{"torn', "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("\udcff", "is not JSON"),
        ("[]", "no notebook of format 4"),
        ('{"nbformat": 3, "worksheets": []}', "no notebook of format 4"),
        ('{"nbformat": 4}', "no list of cells"),
    ],
)
def test_a_broken_notebook_says_so(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "notebook.ipynb"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=why):
        read_notebook(path)


@pytest.mark.parametrize(
    "cell", [None, 3, [], {}, {"cell_type": "code"}, {"cell_type": "markdown", "source": {}}]
)
def test_a_broken_cell_hides_no_other(cell: Any) -> None:
    *_, last = blocks(cell, code())
    assert isinstance(last, Code)


@pytest.mark.parametrize("name", ["augment", "search", "proxy"])
def test_the_projects_own_notebooks_are_read(name: str) -> None:
    path = Path(__file__).resolve().parents[2] / "notebooks" / f"{name}.ipynb"
    found = read_notebook(path)
    assert sum(isinstance(one, Code) for one in found) == sum(
        cell["cell_type"] == "code" for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
    )
    assert not any(isinstance(one, Left) for one in found)
