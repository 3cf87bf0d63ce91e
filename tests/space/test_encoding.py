"""Encodings: each is read back, stays in its bounds, and says what is wrong with values outside."""

from __future__ import annotations

import json
from collections import Counter
from itertools import product

import numpy as np
import pytest

from nastransfer.space.encoding import (
    GENE_CHOICES,
    VOCABULARY,
    from_genes,
    from_one_hot,
    from_tokens,
    path_features,
    path_names,
    to_genes,
    to_one_hot,
    to_tokens,
)
from nastransfer.space.export import export
from nastransfer.space.genotype import CELLS, SPACE_SIZE, Genotype
from nastransfer.space.known import known_genotype

V2 = known_genotype("DARTS_V2")
RANDOM = [Genotype.random(np.random.default_rng(seed)) for seed in range(50)]


def test_every_encoding_is_read_back() -> None:
    for genotype in [V2, *RANDOM]:
        assert from_genes(to_genes(genotype)) == genotype
        assert from_tokens(to_tokens(genotype)) == genotype
        assert from_one_hot(to_one_hot(genotype)) == genotype
        assert Genotype.parse(export(genotype, "darts")) == genotype
        assert Genotype.parse(export(genotype, "pt.darts")) == genotype


def test_the_encodings_of_a_known_cell() -> None:
    assert to_genes(V2)[:16] == [3, 0, 3, 1, 3, 0, 3, 1, 2, 0, 3, 1, 2, 0, 5, 2]
    assert to_tokens(V2)[:8] == [1, 9, 2, 9, 1, 9, 2, 9]
    assert VOCABULARY == 13
    hot = to_one_hot(V2)
    assert hot.shape == (2, 14, 7)
    assert np.argwhere(hot[0]).tolist()[:3] == [[0, 3], [1, 3], [2, 3]]
    assert export(V2, "darts").startswith(
        "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv"
    )


def test_genes_are_bounded_by_their_choices() -> None:
    assert GENE_CHOICES[:16] == (7, 2, 7, 2, 7, 3, 7, 3, 7, 4, 7, 4, 7, 5, 7, 5)
    assert np.prod(np.array(GENE_CHOICES, dtype=float)) > SPACE_SIZE
    for genotype in RANDOM:
        assert all(
            0 <= gene < choices for gene, choices in zip(to_genes(genotype), GENE_CHOICES, strict=True)
        )
        assert all(1 <= token < VOCABULARY for token in to_tokens(genotype))
    swapped = to_genes(V2)
    swapped[12:16] = swapped[14:16] + swapped[12:14]
    assert from_genes(swapped) == V2
    assert from_genes(list(np.array(swapped, dtype=np.int64))) == V2


def test_every_legal_change_of_a_gene_is_another_genotype() -> None:
    """All neighbours at one gene: 96 with another operation, 24 with another source, all different."""
    for genotype in [V2, *RANDOM[:20]]:
        genes = to_genes(genotype)
        digests = {genotype.digest}
        refused = 0
        for place, choices in enumerate(GENE_CHOICES):
            for gene in set(range(choices)) - {genes[place]}:
                changed = [*genes[:place], gene, *genes[place + 1 :]]
                # Genes come as (operation, source, operation, source): the partner's source is two places away.
                if place % 2 and gene == genes[place + 2 if place % 4 == 1 else place - 2]:
                    with pytest.raises(ValueError, match="its two sources must differ"):
                        from_genes(changed)
                    refused += 1
                else:
                    digests.add(from_genes(changed).digest)
        assert (len(digests), refused) == (1 + 96 + 24, 16)


def test_wrong_encodings_are_refused() -> None:
    genes, tokens, hot = to_genes(V2), to_tokens(V2), to_one_hot(V2)
    with pytest.raises(ValueError, match="32 genes, got 31"):
        from_genes(genes[:-1])
    with pytest.raises(ValueError, match="gene 0 is an integer from 0 to 6, got 7"):
        from_genes([7, *genes[1:]])
    with pytest.raises(ValueError, match=r"gene 1 is an integer from 0 to 1, got 0\.5"):
        from_genes([3, 0.5, *genes[2:]])
    with pytest.raises(ValueError, match="must differ"):
        from_genes([3, 1, *genes[2:]])
    with pytest.raises(ValueError, match="32 tokens, got 0"):
        from_tokens([])
    with pytest.raises(ValueError, match="token 0 is an integer from 1 to 2, got 6"):
        from_tokens([6, *tokens[1:]])
    with pytest.raises(ValueError, match="token 31 is an integer from 6 to 12, got 5"):
        from_tokens([*tokens[:-1], 5])
    for nonsense in ("a", None, float("nan"), float("inf"), True, 1e300, [0]):
        with pytest.raises(ValueError, match="gene 0 is an integer from 0 to 6, got "):
            from_genes([nonsense, *genes[1:]])
        with pytest.raises(ValueError, match="token 1 is an integer from 6 to 12, got "):
            from_tokens([1, nonsense, *tokens[2:]])
    with pytest.raises(ValueError, match=r"array \(2, 14, 7\)"):
        from_one_hot(hot[:1])
    with pytest.raises(ValueError, match="zeros and ones"):
        from_one_hot(hot * 0.5)
    with pytest.raises(ValueError, match="exactly 2 edges, got 0"):
        from_one_hot(hot * 0)
    for wrong in (5, 0, 2.5, True):
        with pytest.raises(ValueError, match=f"1 to 4 operations, got longest={wrong}"):
            path_features(V2, longest=wrong)
    with pytest.raises(ValueError, match=r"allowed are darts, pt\.darts, nasbench301"):
        export(V2, "onnx")


@pytest.mark.parametrize(("longest", "size"), [(1, 28), (2, 224), (3, 1_596), (4, 11_200)])
def test_path_features_count_the_paths_of_a_cell(longest: int, size: int) -> None:
    names = path_names(longest)
    assert len(names) == len(set(names)) == size
    for genotype in [V2, *RANDOM[:5]]:
        features = path_features(genotype, longest)
        assert {n: int(v) for n, v in zip(names, features, strict=True) if v} == walked_paths(
            genotype, longest
        )


def walked_paths(genotype: Genotype, longest: int) -> Counter:
    """All paths found backwards, by trying every chain of nodes."""
    found: Counter = Counter()
    for kind in CELLS:
        ops = {(node + 2, e.source): e.op for node, pair in enumerate(genotype.cell(kind)) for e in pair}
        for length in range(1, longest + 1):
            for chain in product(range(6), repeat=length + 1):
                steps = list(zip(chain[1:], chain[:-1], strict=True))
                if chain[0] < 2 and all(step in ops for step in steps):
                    found[kind, chain[0], tuple(ops[step] for step in steps)] += 1
    return found


def test_nasbench301_names() -> None:
    names = json.loads(export(V2, "nasbench301"))
    prefix = "NetworkSelectorDatasetInfo:darts:"
    assert len(names) == 16 + 6
    assert names[f"{prefix}edge_normal_0"] == "sep_conv_3x3"
    assert names[f"{prefix}inputs_node_normal_5"] == "0_2"
    assert names[f"{prefix}edge_normal_11"] == "dil_conv_3x3"
    assert names[f"{prefix}inputs_node_reduce_3"] == "1_2"
