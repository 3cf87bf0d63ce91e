"""The members of a tar, found by reading nothing but its headers: where each file's bytes lie, and what is no file.

The chain of headers is followed by a few operations a member; checksums and names are looked at for thousands of
headers together. What it finds is what Python's `tarfile` finds, at more than ten times the members a second.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from itertools import compress

import numpy as np

from nastransfer.data.tar_headers import (
    ABOUT_NEXT,
    BLOCK,
    FILES,
    GLOBAL,
    KIND,
    LONG_NAME,
    PAX,
    SIZE,
    SPARSE,
    WITHOUT_BYTES,
    checksums_hold,
    names_of,
    no_file,
    number,
    pax_records,
    text_field,
)

# Bytes read at once: of small members more than one, of large ones a header with a long name before it.
_AHEAD, _FEW, _SMALL = 1 << 16, 4 * BLOCK, 8 * BLOCK
# Headers that are looked at together; bytes that a long name or the records of a pax header may have.
_TOGETHER, _LONGEST = 1024, 1 << 20
# Kinds of most files. Their sizes have 11 digits and then a zero byte or a space: none of these bits.
_PLAIN, _DIGITS, _SIZE_END, _NO_END = b"0\0", slice(SIZE.start, SIZE.stop - 1), SIZE.stop - 1, 0xDF


@dataclass
class Members:
    """Members of one tar in their order, one value each: name as it is stored, first byte and number of bytes.

    others: name (None: the tar itself) and why it is no image: links, folders, sparse files, what is cut or damaged.
    """

    names: list[bytes] = field(default_factory=list)
    offset: list[int] = field(default_factory=list)
    length: list[int] = field(default_factory=list)
    others: list[tuple[bytes | None, str]] = field(default_factory=list)


def read_members(file: int, start: int, end: int) -> Members:
    """The members of the tar at bytes `start` to `end` (excluded) of an open file.

    As in `tarfile`, a block of zeros ends it. What follows a header that is damaged cannot be found, and is reported as
    one of `others`, as is a tar without an end mark. `OSError` where the file cannot be read.
    """
    walk = _Walk(file, start, end)
    while walk.follow():
        pass
    return walk.found


@dataclass(frozen=True)
class _Told:
    """What headers said of the member after them: its name, its size, whether it is sparse."""

    name: bytes | None = None
    size: int | None = None
    sparse: bool = False

    @classmethod
    def by(cls, records: dict[str, bytes]) -> _Told:
        """What the records of a pax header say. An empty value takes back what was said."""
        size = records.get("size")
        if size and not size.isdigit():
            raise ValueError(f"a size must have decimal digits, got {size!r}")
        return cls(
            name=records.get("GNU.sparse.name") or records.get("path") or None,
            size=int(size) if size else None,
            sparse=any(keyword.startswith("GNU.sparse.") for keyword in records),
        )


_NOTHING = _Told()


class _Walk:
    """The chain of headers from `place` to `end`; `found` grows by a few thousand members at a time."""

    def __init__(self, file: int, place: int, end: int) -> None:
        self.found = Members()
        self._file, self._place, self._end = file, place, end
        self._buffer, self._first, self._ahead = b"", place, _AHEAD
        # What is said of the next member; what pax headers say of all that follow.
        self._told = self._standing = _NOTHING
        self._always: dict[str, bytes] = {}
        self._clear()

    def _clear(self) -> None:
        # Of every header: itself, its place, bytes of the member (-1: it speaks of the next one); of some, by number:
        # another name, why the member is no image.
        self._heads: list[bytes] = []
        self._places: list[int] = []
        self._sizes: list[int] = []
        self._names: dict[int, bytes] = {}
        self._reasons: dict[int, str] = {}

    def follow(self) -> bool:
        """Some thousand headers; whether there may be more."""
        stopped: str | None = None
        going = True
        try:
            while going and len(self._heads) < _TOGETHER:
                self._usual()
                going = self._odd(self._block())
        except ValueError as error:
            going, stopped = False, f"damaged header at byte {self._place}, what follows is not read: {error}"
        except EOFError as error:
            going, stopped = False, str(error)
        whole = self._look()
        if whole and stopped is not None:
            self.found.others.append((None, stopped))
        self._clear()
        return whole and going

    def _usual(self) -> None:
        """Follows headers of regular files as they usually are, with few operations each, to one that is not.

        Nothing is left to `_block` and `_skip` here, whose calls would take longer than what they do.
        """
        if self._told is not _NOTHING:
            return
        heads, places, sizes = self._heads, self._places, self._sizes
        place, first, buffer = self._place, self._first, self._buffer
        file, last, read, small = self._file, self._end - BLOCK, os.pread, self._ahead == _AHEAD
        for _ in range(_TOGETHER - len(heads)):
            if place > last:
                break
            if small:
                head = buffer[place - first : place - first + BLOCK]
                if len(head) < BLOCK:
                    first, buffer = place, read(file, min(_AHEAD, self._end - place), place)
                    head = buffer[:BLOCK]
            else:
                head = read(file, BLOCK, place)
            try:
                if head[KIND] not in _PLAIN or head[_SIZE_END] & _NO_END:
                    break
                size = int(head[_DIGITS], 8)
            except (ValueError, IndexError):
                break
            if not 0 <= size <= last - place:
                break
            heads.append(head)
            places.append(place)
            sizes.append(size)
            place += BLOCK + (size + BLOCK - 1 & -BLOCK)
            small = size <= _SMALL
        self._place, self._first, self._buffer = place, first, buffer
        self._ahead = _AHEAD if small else _FEW

    def _skip(self, size: int) -> None:
        """To the header after `size` bytes of data; a member that is cut is the last one."""
        if self._place + BLOCK + size > self._end:
            self._reasons[len(self._heads) - 1] = "cut: the archive ends within it"
            raise EOFError(f"cut: it ends at byte {self._end}, within a member")
        self._ahead = _AHEAD if size <= _SMALL else _FEW
        self._place += BLOCK + (size + BLOCK - 1 & -BLOCK)

    def _block(self) -> bytes:
        """The block at the current place; `EOFError` where there is no whole one."""
        at = self._place - self._first
        head = self._buffer[at : at + BLOCK]
        if len(head) < BLOCK:
            ahead = min(self._ahead, max(0, self._end - self._place))
            self._buffer, self._first = os.pread(self._file, ahead, self._place), self._place
            head = self._buffer[:BLOCK]
        if len(head) < BLOCK:
            what = "within a header" if head else "without an end mark: more may be missing"
            raise EOFError(f"cut: it ends at byte {self._place + len(head)}, {what}")
        return head

    def _odd(self, head: bytes) -> bool:
        """Takes a header that is no usual file's, or has others before it that speak of it; whether there is more."""
        if not head.strip(b"\0"):
            return False
        kind, size, told = head[KIND], number(head[SIZE]), self._told
        self._heads.append(head)
        self._places.append(self._place)
        if kind in ABOUT_NEXT:
            self._sizes.append(-1)
            self._tell(kind, size)
            return True
        self._told = self._standing
        number_of = len(self._sizes)
        if told.name is not None:
            self._names[number_of] = told.name
        if kind not in FILES or told.sparse:
            self._reasons[number_of] = no_file(SPARSE if told.sparse else kind)
        elif told.size not in (None, size):
            self._reasons[number_of] = f"its header says {size} bytes, the pax header before it {told.size}"
        size = size if told.size is None else told.size
        self._sizes.append(size)
        if kind == SPARSE:
            self._skip_map(head)
        self._skip(0 if kind in WITHOUT_BYTES else size)
        return True

    def _tell(self, kind: int, size: int) -> None:
        """Keeps what a header says of the members after it, in `size` bytes of data."""
        if size > _LONGEST:
            raise ValueError(f"{size} bytes about the next member, {_LONGEST} are the most")
        start = self._place + BLOCK - self._first
        content = self._buffer[start : start + size] if start >= BLOCK else b""
        if len(content) < size:
            content = os.pread(self._file, min(size, self._end - self._place - BLOCK), self._place + BLOCK)
        self._skip(size)
        if kind == LONG_NAME:
            self._told = replace(self._told, name=text_field(content))
        elif kind == GLOBAL:
            self._always |= pax_records(content)
            standing = _Told.by(self._always)
            self._told = self._standing = _NOTHING if standing == _NOTHING else standing
        elif kind in PAX:
            said = _Told.by(self._always | pax_records(content))
            self._told = said if said.name is not None else replace(said, name=self._told.name)

    def _skip_map(self, head: bytes) -> None:
        """Over the blocks that go on with a GNU sparse file's map: byte 482, then 504, says whether one follows."""
        more = head[482]
        while more:
            self._place += BLOCK
            more = self._block()[504]

    def _look(self) -> bool:
        """Adds members whose headers' checksums hold, up to the first one that does not; whether all do."""
        if not self._heads:
            return True
        headers = np.frombuffer(b"".join(self._heads), np.uint8).reshape(-1, BLOCK)
        bad = np.flatnonzero(~checksums_hold(headers))
        number_of = int(bad[0]) if len(bad) else len(headers)
        self._add(headers[:number_of])
        if len(bad):
            place = self._places[number_of]
            self.found.others.append((None, f"no tar header at byte {place}: what follows is not read"))
        return not len(bad)

    def _add(self, headers: np.ndarray) -> None:
        names = names_of(headers)
        for place, name in self._names.items():
            if place < len(names):
                names[place] = name
        offset = [place + BLOCK for place in self._places[: len(names)]]
        sizes = self._sizes[: len(names)]
        if self._reasons or -1 in sizes:
            reasons = [self._reasons.get(place) for place in range(len(names))]
            self.found.others += [
                (name, reason)
                for name, size, reason in zip(names, sizes, reasons, strict=True)
                if size >= 0 and reason is not None
            ]
            taken = [size >= 0 and reason is None for size, reason in zip(sizes, reasons, strict=True)]
            names = list(compress(names, taken))
            offset, sizes = (list(compress(some, taken)) for some in (offset, sizes))
        self.found.names += names
        self.found.offset += offset
        self.found.length += sizes
