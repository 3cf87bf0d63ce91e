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
    assert {"quickstart", "small-cifar", "photographs", "known-cifar"} <= set(shipped())
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
        ("name: mine", "name: [", ["mine.yaml, line 4: not valid YAML"]),
        ("[darts1]", "[darts1, enas, dart]", ["mine.yaml, line 3: methods.2: unknown method 'dart'"]),
        ("classes: 40", "clases: 40", ["line 5: unknown setting 'sources.1.proxy.clases'"]),
        (
            "targets: [glyphs]",
            "targets:\n- glyphs\n- digitz",
            ["mine.yaml, line 8: targets.1.dataset: unknown data set"],
        ),
        ("preset: tiny\n", "", ["mine.yaml: preset: is missing, and needed where methods are searched with"]),
        (
            "search_seeds: [2, 3]\n",
            "",
            ["search_seeds: is missing, and needed where methods are searched with"],
        ),
        ("protocol: tiny", "protocol: [tiny, smal]", ["line 8: protocol", "'smal'", "did you mean 'small'"]),
        (
            "protocol: tiny",
            "protocol: tiny\ncells: [5, 2]",
            ["line 9: cells.1", "greater than or equal to 3", "2"],
        ),
        ("protocol: tiny", "protocol: tiny\nknown: [resnet8]", ["line 9: known", "'resnet8'", "'resnet18'"]),
        (
            "protocol: tiny",
            "protocol: tiny\nprotocol_settings: {auxiliary: 0.4}\nknown: [resnet18]",
            ["line 10: known.0", "has no cells"],
        ),
        ("genotypes: 5", "genotypes: 5, rank_agreement: 6", ["line 9: random", "6 are more than the 5"]),
        (
            "protocol: tiny",
            "protocol: tiny\nexclude: [{methd: x}]",
            ["'exclude.0.methd'", "did you mean 'method'"],
        ),
        ("protocol: tiny", "protocol: tiny\nexclude: [{}]", ["line 9: exclude.0", "would leave out all"]),
        (
            "protocol: tiny",
            'protocol: tiny\nexclude:\n- method: darts1\n- source: "imagenet1k-*"',
            ["line 11: exclude.1: nothing in the grid matches"],
        ),
        ("protocol: tiny", "protocol: tiny\nfeeds: 'table 2, table 3'", ["line 9: feeds", "without commas"]),
        ("protocol: tiny", "protocol: tiny\nalso: [{name: x}]", ["unknown setting 'also.0.name'"]),
        (
            "protocol: tiny",
            "protocol: tiny\nalso:\n- cells: [9]\n- methods: [darts1, eans]",
            ["line 11: also.1.methods.1"],
        ),
        ("protocol: tiny", "protocol: tiny\nalso:\n- preset: smal", ["line 10: also.0.preset", "'small'"]),
        (
            "protocol: tiny",
            "protocol: tiny\nalso:\n- methods: [enas]\n  settings: {enas: {stepps: 9}}",
            ["line 11: also.0.settings.enas", "'stepps'", "did you mean 'steps'"],
        ),
        ("protocol: tiny", "protocol: tiny\nalso:\n- targets: []", ["line 10: also.0.targets"]),
        (
            "protocol: tiny",
            "protocol: tiny\nalso:\n- {methods: [], random: null}",
            ["line 10: also.0.methods: this trains nothing"],
        ),
        (
            "protocol: tiny",
            "protocol: tiny\nalso: [{exclude: [{target: digits}]}]",
            ["line 9: also.0.exclude.0: nothing in the grid matches"],
        ),
        ("targets: [glyphs]", "targets: &all [glyphs, *all]", ["line 6: not valid YAML: this holds itself"]),
        ("[digits,", "[digits, digits,", ["line 5: sources: two entries are called 'digits'"]),
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


def test_several_wrong_values_are_one_error_with_a_line_each() -> None:
    wrong = GOOD.replace("[2, 3]", "[2, -3]").replace("genotypes: 5", "genotype: 5")
    with pytest.raises(ValueError) as caught:
        parse_spec(wrong, "mine.yaml")
    lines = str(caught.value).splitlines()
    assert [line.partition(": ")[0] for line in lines] == [f"mine.yaml, line {n}" for n in (7, 9, 9)]


def test_anchors_may_be_used() -> None:
    spec = parse_spec(
        GOOD.replace("targets: [glyphs]", "targets: &all [glyphs]\nalso: [{targets: *all}]"), "x.yaml"
    )
    assert spec.grids[1].targets == spec.targets


def test_labels_name_a_registered_proxy_once() -> None:
    spec = parse_spec(
        GOOD.replace("sources: [digits,", "sources: [{dataset: imagenet1k, proxy: imagenet1k-p1},"), "x"
    )
    assert [source.label for source in spec.sources] == ["imagenet1k-p1", "glyphs-random-c40"]
