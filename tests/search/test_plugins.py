"""Own methods in a file: told apart by their text, errors that name the line, installed packages, the scorer."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import nastransfer as nt
from nastransfer.search.plugins import GROUP, Plugin, source_hash
from nastransfer.search.searcher import SearchData, Searcher, make_searcher, searchers
from nastransfer.space.encoding import to_genes
from tests.planted import planted

# The shortest method there is: no presets, no data, one step a genotype drawn.
DRAWN = '''"""Draws genotypes."""

import nastransfer as nt


class Drawn(nt.Searcher):
    """The last of some draws."""

    method = "drawn"
    draws: int = 3

    def search(self, data, streams):
        for number in range(1, self.draws + 1):
            yield nt.SearchStep(number, self.draws, nt.Genotype.random(streams.numpy("draws")))
'''


def write(folder: Path, text: str = DRAWN, name: str = "my_method.py") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_a_file_is_a_method_with_settings_presets_and_steps(tmp_path: Path) -> None:
    known = searchers(write(tmp_path))
    assert set(known) == {*searchers(), "drawn"}
    for preset in ("paper", "short", "small", "tiny"):
        assert make_searcher(known["drawn"], preset) == make_searcher(known["drawn"], preset, draws=3)
    result = nt.search(known["drawn"], planted(), seed=5, draws=2)
    assert (result.method, result.settings, len(result.history)) == ("drawn", {"draws": 2}, 2)
    assert result.genotype == nt.search(known["drawn"], planted(), seed=5, draws=2).genotype
    with pytest.raises(
        ValueError, match=r"settings of drawn: unknown setting 'drows' \(found 2\); did you mean 'draws'"
    ):
        make_searcher(known["drawn"], "tiny", drows=2)
    with pytest.raises(ValueError, match="unknown method 'drawn'"):
        nt.search("drawn", planted())


def test_a_method_is_told_apart_by_its_text_alone(tmp_path: Path) -> None:
    first, copy = (
        Plugin.read(write(tmp_path / "here")),
        Plugin.read(write(tmp_path / "there", name="other.py")),
    )
    edited = Plugin.read(write(tmp_path / "here", DRAWN.replace("= 3", "= 4")))
    assert first.hash == copy.hash != edited.hash
    (own,), (same,), (other,) = (one.classes(Searcher) for one in (first, copy, edited))
    assert own is same is not other
    assert (source_hash(own), source_hash(other)) == (first.hash, edited.hash)
    assert (own().draws, other().draws) == (3, 4)
    assert source_hash(searchers()["random"]) is None
    (tmp_path / "crlf.py").write_bytes(DRAWN.replace("\n", "\r\n").encode())
    assert Plugin.read(tmp_path / "crlf.py").hash == first.hash
    assert not list(tmp_path.rglob("__pycache__"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "import nastransfer as nt",
            "import nastransfer as nt\nimport no_such_module",
            r"line 4: ModuleNotFoundError",
        ),
        ("draws: int = 3", "draws: int = = 3", "line 10: SyntaxError"),
        ("draws: int = 3", "draws = 3", "line 6: PydanticUserError: .*draws"),
        ("draws: int = 3", "draws: int = 1 // 0", "line 10: ZeroDivisionError"),
        ("(nt.Searcher)", "", "defines no Searcher: a method is a class below nastransfer.Searcher"),
        ("def search", "def seek", "defines no Searcher.*Drawn lacks search"),
        ('method = "drawn"', "", r"Drawn.method names the method.*found ''"),
        ('method = "drawn"', 'method = "../Drawn"', r"must match .*found '../Drawn'"),
        ('method = "drawn"', 'method = "enas"', r"another method 'enas' \(nastransfer.search.enas\)"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_clear_error(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in DRAWN
    path = write(tmp_path, DRAWN.replace(old, new, 1))
    with pytest.raises(ValueError, match=rf"(?s)plug-in '{path}'.*{said}"):
        searchers(path)
    loaded = f"nastransfer_plugin_{Plugin.read(path).hash}" in sys.modules
    assert loaded != said.startswith("line"), "what could not be run is forgotten"


def test_what_is_no_file_of_source_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no such file"):
        searchers(tmp_path / "absent.py")
    with pytest.raises(ValueError, match=r"one file that ends in \.py"):
        searchers(write(tmp_path, name="my_method.txt"))
    (tmp_path / "latin.py").write_bytes(b'"""\xe9"""')
    with pytest.raises(ValueError, match="is not text in UTF-8"):
        searchers(tmp_path / "latin.py")
    write(tmp_path / "inside")
    (tmp_path / "inside" / "link.py").symlink_to(write(tmp_path))
    for name in ("../my_method.py", str(tmp_path / "my_method.py"), "link.py"):
        with pytest.raises(ValueError, match="lies outside of"):
            Plugin.inside(tmp_path / "inside", name)
    assert Plugin.inside(tmp_path / "inside", "my_method.py").text == DRAWN


@pytest.mark.parametrize(
    ("old", "new", "error", "said"),
    [
        ("yield nt.SearchStep(number", "yield (number", TypeError, "yields SearchStep, got tuple"),
        ("range(1, self.draws + 1)", "range(0)", ValueError, "'drawn' yielded no step"),
        (
            'nt.Genotype.random(streams.numpy("draws"))',
            "None",
            ValueError,
            "'drawn' ended with a step without a genotype",
        ),
    ],
)
def test_a_search_without_an_answer_is_an_error(
    tmp_path: Path, old: str, new: str, error: type[Exception], said: str
) -> None:
    own = searchers(write(tmp_path, DRAWN.replace(old, new, 1)))["drawn"]
    with pytest.raises(error, match=said):
        nt.search(own, planted())


def install(folder: Path, entry: str) -> None:
    """A package as pip would leave it: a module, and a record with an entry point."""
    write(folder, DRAWN, "drawn_package.py")
    about = folder / "drawn_package-1.0.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: drawn-package\nVersion: 1.0\n")
    (about / "top_level.txt").write_text("drawn_package\n")
    (about / "entry_points.txt").write_text(f"[{GROUP}]\n{entry}\n")


def test_installed_packages_offer_methods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "drawn = drawn_package:Drawn")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert {entry.name for entry in metadata.entry_points(group=GROUP)} == {"drawn"}
    own = searchers()["drawn"]
    assert nt.search("drawn", planted(), draws=2).genotype == nt.search(own, planted(), draws=2).genotype
    hashed = source_hash(own)
    assert hashed is not None
    assert hashed != Plugin.read(tmp_path / "drawn_package.py").hash, "the version counts as well"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            "drawn = no_such_module:Drawn",
            "method 'drawn' of drawn-package 1.0 is left out: ModuleNotFoundError",
        ),
        ("drawn = drawn_package:nt", "TypeError: drawn_package:nt is no whole Searcher"),
        ("dealt = drawn_package:Drawn", "installed method 'dealt' is left out: its class says 'drawn'"),
        ("enas = drawn_package:Drawn", "installed method 'enas' is left out: another method has its name"),
    ],
)
def test_a_broken_package_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str, said: str
) -> None:
    install(tmp_path, entry)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.warns(UserWarning, match=said):
        assert {"darts1", "random"} <= set(searchers())


def test_the_scorer_trains_on_one_half_and_judges_on_the_other() -> None:
    small = {"cells": 3, "channels": 2, "batch": 8, "resolution": None, "engine": "plain"}
    score = SearchData(planted(train=96), 2).scorer("tiny", epochs=4, **small)
    genotypes = nt.Genotype.draw(np.random.default_rng(0), 2)
    first, second, again = (score(genotype) for genotype in (*genotypes, genotypes[0]))
    assert first == again
    assert 0 <= min(first, second) < max(first, second) <= 100
    cost = score.cost()
    assert cost["images_seen"] == 3 * (4 * 48 + 48)
    assert cost["seconds"] >= cost["seconds_weights"] > 0
    assert cost["search_macs"] > 0


def test_mutations_are_neighbours_and_reach_every_kind_of_change() -> None:
    rng = np.random.default_rng(3)
    parent = nt.Genotype.random(rng)
    children = [nt.mutate(parent, rng) for _ in range(400)]
    changed = [
        len(set(parent_node) ^ set(child_node)) // 2
        for child in children
        for cell in ("normal", "reduce")
        for parent_node, child_node in zip(parent.cell(cell), child.cell(cell), strict=True)
    ]
    assert sum(changed) == len(children), "one edge each"
    sources = sum(sorted(to_genes(child)[1::2]) != sorted(to_genes(parent)[1::2]) for child in children)
    assert abs(sources / len(children) - 0.5 * 12 / 16) < 4.5 * (0.375 * 0.625 / len(children)) ** 0.5
    assert len(set(children)) > 80
