"""Study files: strict, with one clear error."""

from __future__ import annotations

from pathlib import Path

import pytest

from nastransfer.study.spec import load_spec, parse_spec, shipped

GOOD = """
name: mine
methods: [darts1]
preset: tiny
sources: [digits, {dataset: glyphs, proxy: {selection: random, classes: 40}}]
targets: [glyphs]
search_seeds: [2, 3]
protocol: tiny
random: {genotypes: 5}
"""


def test_shipped_studies_load() -> None:
    assert {"quickstart", "small-cifar"} <= set(shipped())
    for name in shipped():
        assert load_spec(name).name == name


def test_short_forms_and_defaults() -> None:
    spec = parse_spec(GOOD, "mine.yaml")
    assert spec.sources[0].dataset == "digits"
    assert spec.sources[0].proxy is None
    assert spec.sources[1].proxy is not None
    assert spec.sources[1].proxy.classes == 40
    assert spec.augment_seeds == (2,)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("preset: tiny", "preset: tiny\nepoch: 3", ["mine.yaml", "unknown setting 'epoch'"]),
        ("preset: tiny", "preset: tinny", ["'tinny'", "'tiny'"]),
        ("preset:", "presset:", ["unknown setting 'presset'", "did you mean 'preset'"]),
        ("[darts1]", "[dart1]", ["unknown method 'dart1'", "did you mean 'darts1'"]),
        ("[darts1]", "[darts1, darts1]", ["methods", "once only"]),
        ("[darts1]", "[random]", ["random.genotypes"]),
        ("targets: [glyphs]", "targets: [glyfs]", ["unknown data set 'glyfs'", "did you mean 'glyphs'"]),
        ("targets: [glyphs]", "targets: [{dataset: glyphs, proxy: imagenet1k-p1}]", ["targets", "a proxy"]),
        (
            "proxy: {selection: random, classes: 40}",
            "proxy: imagenet1k-p9",
            ["unknown proxy 'imagenet1k-p9'"],
        ),
        ("classes: 40", "clases: 40", ["sources.1.proxy.clases", "did you mean 'classes'", "resolution"]),
        ("genotypes: 5", "genotype: 5", ["random.genotype", "did you mean 'genotypes'"]),
        ("protocol: tiny", "protocol: tiny\nprotocol_settings: {name: x}", ["'name'", "cannot be set"]),
        ("preset: tiny", "preset: tiny\nsettings: {darts1: {preset: small}}", ["unknown setting 'preset'"]),
        (
            "targets: [glyphs]",
            "targets: [{dataset: glyphs, options: {clases: 9}}]",
            ["'clases'", "'classes'"],
        ),
        (
            "targets: [glyphs]",
            "targets: [{dataset: digits, options: {root: x}}]",
            ["unknown setting 'root'"],
        ),
        ("classes: 40", "classes: -4", ["classes", "-4"]),
        ("[2, 3]", "[2, -3]", ["search_seeds.1", "-3"]),
        ("[2, 3]", "[2, two]", ["search_seeds.1", "'two'"]),
        ("[2, 3]", "[]", ["search_seeds"]),
        ("name: mine", "name: ../mine", ["name", "../mine"]),
        ("name: mine", "name: mine\nname: yours", ["'name' appears twice", "line 3"]),
        ("random: {genotypes: 5}", "", ["'random' is missing"]),
        ("genotypes: 5", "genotypes: 0", ["random.genotypes", "0"]),
        ("protocol: tiny", "protocol: tiny\nprotocol_settings: {epochs: -1}", ["epochs", "-1"]),
        ("preset: tiny", "preset: tiny\nsettings: {darts1: {stepps: 3}}", ["stepps"]),
        ("preset: tiny", "preset: tiny\nsettings: {enas: {}}", ["enas", "darts1"]),
        ("name: mine", "name: [", ["not valid YAML"]),
    ],
)
def test_bad_input_is_one_clear_error(old: str, new: str, said: list[str]) -> None:
    with pytest.raises(ValueError) as caught:
        parse_spec(GOOD.replace(old, new, 1), "mine.yaml")
    for part in said:
        assert part in str(caught.value)


def test_a_study_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="did you mean 'quickstart'"):
        load_spec("quickstar")
    with pytest.raises(ValueError, match="there is no study file"):
        load_spec(tmp_path / "absent.yaml")
    with pytest.raises(ValueError, match="a study file is a mapping"):
        parse_spec("- 1", "mine.yaml")
