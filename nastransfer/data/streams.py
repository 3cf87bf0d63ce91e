"""Named random streams: every use of randomness has a seed of its own, derived from the run's seed and a name."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch


def derive_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed from a seed and names, the same on every machine and in every version.

    The first 8 bytes (big-endian, top bit cleared) of the BLAKE2b digest of the arguments as compact JSON.
    """
    text = json.dumps([seed, *names], separators=(",", ":"), ensure_ascii=True)
    digest = hashlib.blake2b(text.encode("ascii"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


class Streams:
    """Random generators by name, for one seed; the same name gives the same generator, which moves on as it is used.

    `Streams(2, "search").numpy("init")` starts from `derive_seed(2, "search", "init")`.
    """

    def __init__(self, seed: int, *names: str | int) -> None:
        self._seed, self._names = seed, names
        self._numpy: dict[str, np.random.Generator] = {}
        self._torch: dict[str, torch.Generator] = {}

    def seed(self, *names: str | int) -> int:
        """The 63-bit seed that the stream of this name starts from; further names tell its parts apart."""
        return derive_seed(self._seed, *self._names, *names)

    def numpy(self, name: str) -> np.random.Generator:
        """The numpy generator (PCG64) of this name."""
        if name not in self._numpy:
            self._numpy[name] = np.random.Generator(np.random.PCG64(self.seed(name)))
        return self._numpy[name]

    def torch(self, name: str) -> torch.Generator:
        """The torch generator of this name; it lives on the CPU, so that the device does not change what is drawn."""
        if name not in self._torch:
            import torch

            self._torch[name] = torch.Generator().manual_seed(self.seed(name))
        return self._torch[name]

    def state(self) -> dict[str, Any]:
        """The state of every stream used so far, as plain JSON data."""
        return {
            "path": [self._seed, *self._names],
            "numpy": {name: generator.bit_generator.state for name, generator in self._numpy.items()},
            "torch": {name: bytes(g.get_state().numpy()).hex() for name, g in self._torch.items()},
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on exactly where `state` (from `state()` of streams with the same seed and names) was taken.

        Generators handed out before go on from there too; those that the state does not know start anew. Raises
        `ValueError` when the state belongs to other streams.
        """
        own = [self._seed, *self._names]
        if state.get("path") != own:
            raise ValueError(f"the state is of streams {state.get('path')}, these are {own}")
        fresh = Streams(self._seed, *self._names)
        for name in {*self._numpy, *state["numpy"]}:
            known = state["numpy"].get(name)
            self.numpy(name).bit_generator.state = known or fresh.numpy(name).bit_generator.state
        for name in {*self._torch, *state["torch"]}:
            import torch

            known = state["torch"].get(name)
            self.torch(name).set_state(
                torch.frombuffer(bytearray.fromhex(known), dtype=torch.uint8)
                if known
                else fresh.torch(name).get_state()
            )
