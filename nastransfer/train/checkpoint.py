"""Exact states of long runs on disk: two generations, checksummed, written aside and renamed, read without pickle.

A file is three things: a line with the format's version and a checksum of all that follows, a line of JSON that says
whose state it is, and the state as `torch.save` writes it, read by `torch.load(weights_only=True)`.
"""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nastransfer.disk import write_atomic

FORMAT = b"nastransfer-checkpoint"
VERSION = 1
_SLOTS = ("checkpoint-0.pt", "checkpoint-1.pt")


class CorruptCheckpoint(ValueError):
    """A checkpoint that is not what was written; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class _Header:
    generation: int
    identity: dict[str, Any]


class Checkpoints:
    """The last two states of one run, in a folder; `identity` (plain JSON values) says whose they are.

    The older one is overwritten, so that a kill at any moment leaves one whole.
    """

    def __init__(self, folder: str | Path, identity: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        self.identity: dict[str, Any] = json.loads(json.dumps(dict(identity)))
        self._generation: int | None = None

    def save(self, state: Mapping[str, Any]) -> Path:
        """Write a state (tensors, plain values, and dicts and lists of them) over the older of the two; its path."""
        if self._generation is None:
            self._generation = max((header.generation for _, header, _ in self._readable()), default=-1)
        self._generation += 1
        header = {"generation": self._generation, "identity": self.identity}
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        body = json.dumps(header, separators=(",", ":")).encode() + b"\n" + buffer.getvalue()
        path = self.folder / _SLOTS[self._generation % 2]
        version = b"%d" % VERSION
        write_atomic(path, b" ".join((FORMAT, version, _digest(version, body))) + b"\n" + body)
        return path

    def load(self) -> dict[str, Any] | None:
        """The newest whole state, None where there is none.

        A damaged file is passed over with a warning that names it. Raises `ValueError` for a whole one of another run.
        """
        found = sorted(self._readable(warn=True), key=lambda entry: -entry[1].generation)
        if not found:
            return None
        path, header, content = found[0]
        if header.identity != self.identity:
            names = sorted(header.identity.keys() | self.identity.keys())
            differing = [
                f"{name}: {header.identity.get(name)!r} there, {self.identity.get(name)!r} here"
                for name in names
                if header.identity.get(name) != self.identity.get(name)
            ]
            raise ValueError(
                f"{path} is the checkpoint of another run ({'; '.join(differing)}): remove it, or choose another folder"
            )
        state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        return state

    def clear(self) -> None:
        """Remove both; a result makes them superfluous."""
        for slot in _SLOTS:
            (self.folder / slot).unlink(missing_ok=True)
        self._generation = None

    def _readable(self, warn: bool = False) -> list[tuple[Path, _Header, bytes]]:
        found = []
        for path in (self.folder / slot for slot in _SLOTS):
            if not path.exists():
                continue
            try:
                found.append((path, *_read(path)))
            except CorruptCheckpoint as error:
                if warn:
                    warnings.warn(f"{error}; going on from an older state", RuntimeWarning, stacklevel=3)
        return found


def _read(path: Path) -> tuple[_Header, bytes]:
    """Header and the bytes of the state; `ValueError` for a whole file of another version."""
    first, _, body = path.read_bytes().partition(b"\n")
    kind, _, rest = first.partition(b" ")
    version, _, digest = rest.partition(b" ")
    if kind != FORMAT or digest != _digest(version, body):
        raise CorruptCheckpoint(f"{path} is cut short or was changed after it was written")
    if version != b"%d" % VERSION:
        raise ValueError(
            f"{path} is a checkpoint of format {version.decode(errors='replace')}, this version reads {VERSION}: "
            "finish the run with the version that began it, or remove the file to start over"
        )
    header, _, content = body.partition(b"\n")
    values = json.loads(header)
    return _Header(values["generation"], values["identity"]), content


def _digest(version: bytes, body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16, person=version[:16]).hexdigest().encode()
