"""Seeds by name, and streams that resume exactly."""

from __future__ import annotations

import json

import pytest
import torch

from nastransfer.data.streams import Streams, derive_seed


def test_seeds_are_the_ones_of_ever() -> None:
    assert derive_seed(2, "search") == 6869900506345915201
    assert derive_seed(2, "search", 3) == 7053648076011543501
    assert 0 <= derive_seed(-1) < 2**63


def test_seeds_differ_by_seed_name_and_place() -> None:
    seeds = {
        derive_seed(2),
        derive_seed(3),
        derive_seed(2, "a"),
        derive_seed(2, "a", "b"),
        derive_seed(2, "ab"),
    }
    assert len(seeds) == 5
    assert derive_seed(2, 1) != derive_seed(2, "1")


def test_streams_do_not_disturb_each_other() -> None:
    lone, busy = Streams(2, "search"), Streams(2, "search")
    busy.numpy("other").random(10)
    busy.torch("third")
    assert lone.numpy("order").random() == busy.numpy("order").random()
    assert lone.seed("order") == derive_seed(2, "search", "order")
    assert lone.numpy("order") is lone.numpy("order")


def test_state_resumes_exactly_through_json() -> None:
    streams = Streams(5, "augment", 1)
    streams.numpy("a").random(3)
    torch.rand(3, generator=streams.torch("b"))
    state = json.loads(json.dumps(streams.state()))
    expected = streams.numpy("a").random(), torch.rand(2, generator=streams.torch("b")).tolist()
    fresh = Streams(5, "augment", 1)
    fresh.numpy("not used before")
    fresh.load_state(state)
    assert expected == (fresh.numpy("a").random(), torch.rand(2, generator=fresh.torch("b")).tolist())


def test_state_of_other_streams_is_refused() -> None:
    with pytest.raises(ValueError, match=r"of streams \[3\], these are \[2\]"):
        Streams(2).load_state(Streams(3).state())
