"""Order, shares and state of passes."""

from __future__ import annotations

import pytest
import torch

from nastransfer.data.passes import Pass, Share


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
@pytest.mark.parametrize("group", [1, 4, 16])
def test_shares_are_whole_groups_and_cover_every_batch(ranks: int, group: int) -> None:
    for number in (1, 2, 3, 16, 50, 96):
        places = [range(number)[Share(rank, ranks, group).of(number)] for rank in range(ranks)]
        assert [place for part in places for place in part] == list(range(number))
        assert all(part.start % group == 0 for part in places if part)
        groups = [-(-len(part) // group) for part in places]
        assert max(groups) - min(groups) <= 1


def test_a_pass_shows_every_image_before_any_again() -> None:
    current, draw, shown = Pass(10), generator(), []
    for number in (4, 3, 5, 0, 8):
        index, current = current.take(number, draw)
        shown += index.tolist()
    assert sorted(shown[:10]) == sorted(shown[10:20]) == list(range(10)) and shown[:10] != shown[10:20]
    index, _ = Pass(4).take(10, generator())
    assert sorted(index[:4].tolist()) == sorted(index[4:8].tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("taken", [0, 1, 9, 10, 13, 40])
def test_a_restored_pass_goes_on(taken: int) -> None:
    draw = generator()
    _, current = Pass(10).take(taken, draw) if taken else (None, Pass(10))
    restored, state = Pass(10).from_state(current.to_state()), draw.get_state()
    expected, _ = current.take(25, draw)
    draw.set_state(state)
    assert restored.take(25, draw)[0].tolist() == expected.tolist()


def test_a_state_is_small() -> None:
    _, current = Pass(1_000_000).take(1, generator())
    state = current.to_state()
    assert state["left"] == 999_999
    assert state["shuffle"].nbytes < 10_000


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="got rank 2, 2 ranks and groups of 1"):
        Share(2, 2)
    with pytest.raises(ValueError, match="groups of 0"):
        Share(group=0)
    with pytest.raises(ValueError, match="has 3 images left of 5, there are 4"):
        Pass(4).from_state({"images": 5, "left": 3, "shuffle": None})
