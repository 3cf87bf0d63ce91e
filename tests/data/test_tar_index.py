"""Members of tars, found by their headers alone, against Python's `tarfile`; archives that are cut or damaged."""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nastransfer.data import tar_index
from nastransfer.data.tar_headers import BLOCK, number, pax_records
from nastransfer.data.tar_index import Members, read_members

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "GNU": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
PATHS = st.lists(st.text("abé 日.", min_size=1, max_size=60), min_size=1, max_size=4).map("/".join)
FILES = st.lists(st.tuples(PATHS, st.binary(max_size=1500)), max_size=12)


def read(content: bytes, start: int = 0) -> Members:
    """The members of a tar that is the rest of `content` from `start` on."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        return read_members(file.fileno(), start, len(content))


def packed(files: Iterable[tuple[str, bytes]], kind: int = tarfile.GNU_FORMAT, **headers: str) -> bytes:
    """A tar of these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=kind, pax_headers=headers or None) as tar:
        for name, content in files:
            about = tarfile.TarInfo(name)
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))
    return buffer.getvalue()


def by_tarfile(content: bytes) -> list[tuple[bytes, int, int]]:
    """Name, place and size of the regular files, as Python's own module sees them."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return [
            (member.name.encode("utf-8", "surrogateescape"), member.offset_data, member.size)
            for member in tar.getmembers()
            if member.isreg() and not member.issparse()
        ]


def triples(found: Members) -> list[tuple[bytes, int, int]]:
    return list(zip(found.names, found.offset, found.length, strict=True))


@given(FILES, st.sampled_from(sorted(FORMATS)))
@settings(max_examples=150, deadline=None)
def test_it_finds_what_tarfile_finds(files: list[tuple[str, bytes]], kind: str) -> None:
    if kind == "ustar":
        files = [(name[-90:].lstrip("/") or "a", content) for name, content in files if name.isascii()]
    content = packed(files, FORMATS[kind])
    found = read(content)
    assert triples(found) == by_tarfile(content) and not found.others
    assert [content[start : start + size] for _, start, size in triples(found)] == [some for _, some in files]


@given(FILES, st.sampled_from(sorted(FORMATS)), st.data())
@settings(max_examples=100, deadline=None)
def test_a_cut_archive_gives_its_whole_members_and_says_that_it_is_cut(
    files: list[tuple[str, bytes]], kind: str, data: st.DataObject
) -> None:
    if kind == "ustar":
        files = [(name[-90:].lstrip("/") or "a", content) for name, content in files if name.isascii()]
    content = packed(files, FORMATS[kind])
    whole = triples(read(content))
    end = max((start + size for _, start, size in whole), default=0)
    cut = data.draw(st.integers(0, (end + BLOCK - 1) // BLOCK * BLOCK))
    found = read(content[:cut])
    assert triples(found) == [entry for entry in whole if entry[1] + entry[2] <= cut]
    assert found.others[-1][0] is None and found.others[-1][1].startswith("cut: it ends at byte ")


@given(FILES.filter(len), st.data())
@settings(max_examples=100, deadline=None)
def test_a_damaged_header_ends_what_can_be_found(files: list[tuple[str, bytes]], data: st.DataObject) -> None:
    files = [(f"{number}.jpg", content) for number, (_, content) in enumerate(files)]
    content = bytearray(packed(files))
    whole = triples(read(bytes(content)))
    which = data.draw(st.integers(0, len(whole) - 1))
    # Every byte up to the magic's end counts; those of the checksum itself may be written in several ways.
    place = data.draw(st.integers(0, 262).filter(lambda place: not 148 <= place < 156))
    content[whole[which][1] - BLOCK + place] ^= data.draw(st.integers(1, 255))
    found = read(bytes(content))
    assert triples(found) == whole[:which]
    assert len(found.others) == 1
    assert found.others[0][0] is None and "what follows is not read" in found.others[0][1]


@pytest.mark.parametrize("kind", FORMATS)
def test_members_that_are_no_regular_files(kind: str) -> None:
    buffer = io.BytesIO()
    kinds = {
        tarfile.LNKTYPE: "a hard link", tarfile.SYMTYPE: "a link", tarfile.CHRTYPE: "a device",
        tarfile.BLKTYPE: "a device", tarfile.DIRTYPE: "a folder", tarfile.FIFOTYPE: "a pipe",
    }  # fmt: skip
    with tarfile.open(fileobj=buffer, mode="w", format=FORMATS[kind]) as tar:
        for code in kinds:
            about = tarfile.TarInfo(f"odd {code.decode()}")
            about.type, about.linkname = code, "/etc/passwd" * (9 if kind != "ustar" else 1)
            tar.addfile(about)
        about = tarfile.TarInfo("plain.jpg")
        about.size = 3
        tar.addfile(about, io.BytesIO(b"abc"))
    found = read(buffer.getvalue())
    assert found.names == [b"plain.jpg"] and triples(found) == by_tarfile(buffer.getvalue())
    assert [reason for _, reason in found.others] == list(kinds.values())


def header(name: bytes, size: bytes, kind: bytes, rest: bytes = b"") -> bytes:
    """A header with its checksum; `rest` is what begins at byte 257."""
    block = bytearray(name.ljust(100, b"\0") + b"0000644\0" + 16 * b"0" + size.ljust(12, b"\0"))
    block += 12 * b"0" + 8 * b" " + kind + 100 * b"\0" + rest
    block += bytes(BLOCK - len(block))
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def test_sizes_names_and_checksums_as_old_and_new_programs_write_them() -> None:
    base256 = b"\x80" + (5).to_bytes(11, "big")
    signed = bytearray(header(b"caf\xe9.jpg", b"5", b"0"))
    # Summed as signed bytes, its one byte above 127 counts 256 less.
    signed[148:156] = b"%06o\0 " % (number(bytes(signed[148:156])) - 256)
    blocks = [
        header(b"digits.jpg", b"00000000005", b"0"),
        header(b"12 digits.jpg", b"000000000005", b"0"),
        header(b"space.jpg", b"         5 ", b"0"),
        header(b"V7.jpg", b"5", b"\0"),
        header(b"contiguous.jpg", b"5", b"7"),
        header(b"base 256.jpg", base256, b"0"),
        header(b"name.jpg", b"5", b"0", b"ustar\x0000" + bytes(80) + b"first/half"),
        header(b"GNU has times there.jpg", b"5", b"0", b"ustar  \0" + bytes(80) + b"00000000000"),
        header(b"short\0rest.jpg", b"5", b"0"),
        bytes(signed),
    ]
    content = b"".join(block + b"hello".ljust(BLOCK, b"\0") for block in blocks) + bytes(2 * BLOCK)
    found = read(content)
    assert found.names[-4:] == [b"first/half/name.jpg", b"GNU has times there.jpg", b"short", b"caf\xe9.jpg"]
    assert len(found.names) == len(blocks) and found.length == [5] * len(blocks) and not found.others


def test_sparse_members_are_skipped() -> None:
    more = bytearray(BLOCK)
    more[504] = 1
    sparse = bytearray(header(b"sparse.jpg", b"00000001000", b"S", b"ustar  \0" + bytes(220) + b"\1"))
    assert sparse[482] == 0
    sparse[482] = 1
    sparse[148:156] = 8 * b" "
    sparse[148:156] = b"%06o\0 " % sum(sparse)
    after = header(b"after.jpg", b"5", b"0") + b"hello".ljust(BLOCK, b"\0")
    old = bytes(sparse) + bytes(more) + bytes(BLOCK) + bytes(BLOCK)
    found = read(old + after + bytes(2 * BLOCK))
    assert found.names == [b"after.jpg"] and found.others == [(b"sparse.jpg", "sparse")]
    with_pax = packed([("x", b"hello")], tarfile.PAX_FORMAT, **{"GNU.sparse.major": "1"})
    assert read(with_pax).others == [(b"x", "sparse")]


def test_what_pax_headers_say() -> None:
    one = packed([("a.jpg", b"12345"), ("b.jpg", b"1")], tarfile.PAX_FORMAT, comment="of git")
    assert triples(read(one)) == by_tarfile(one) and read(one).names == [b"a.jpg", b"b.jpg"]

    def told(**records: str) -> bytes:
        body = b"".join(record(keyword, value) for keyword, value in records.items())
        return header(b"pax", b"%o" % len(body), b"x") + body.ljust(-len(body) % BLOCK + len(body), b"\0")

    five = header(b"a.jpg", b"5", b"0") + b"hello".ljust(BLOCK, b"\0")
    assert read(told(path="日/1.jpg", size="5") + five + bytes(BLOCK)).names == ["日/1.jpg".encode()]
    other = read(told(size="600") + header(b"a.jpg", b"5", b"0") + bytes(2 * BLOCK) + five + bytes(BLOCK))
    assert other.names == [b"a.jpg"] and other.others[0][1].startswith(
        "its header says 5 bytes, the pax header"
    )
    for wrong in (told(size="five"), header(b"pax", b"4", b"x") + b"9 a=".ljust(BLOCK, b"\0")):
        found = read(wrong + five + bytes(BLOCK))
        assert not found.names and found.others[0][1].startswith("damaged header at byte ")
    long = read(header(b"././@LongLink", b"00040000000", b"L") + bytes(9 << 20))
    assert "8388608 bytes about the next member, 1048576 are the most" in long.others[0][1]


def record(keyword: str, value: str) -> bytes:
    """A pax record, its own length before it."""
    rest = f" {keyword}={value}\n".encode()
    length = len(rest) + 1
    while len(str(length)) + len(rest) != length:
        length = len(str(length)) + len(rest)
    return str(length).encode() + rest


def test_what_is_no_tar() -> None:
    for content in (b"\xff\xd8\xff\xe0 an image" * 100, b"\x1f\x8b\x08 packed" * 100, b"text " * 300):
        assert read(content).others == [(None, "no tar header at byte 0: what follows is not read")] or (
            read(content).others[0][1].startswith("damaged header at byte 0")
        )
    assert read(b"").others == [(None, "cut: it ends at byte 0, without an end mark: more may be missing")]
    assert read(bytes(2 * BLOCK)) == Members()


def test_thousands_of_members_in_a_tar_within_a_tar(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [(f"n00000001_{number}.JPEG", bytes(number % 700)) for number in range(300)]
    inner = packed(files)
    outer = packed([("n00000001.tar", inner), ("after", b"x" * 5000)])
    start = read(outer).offset[0]
    expected = [(name, place + start, size) for name, place, size in by_tarfile(inner)]
    for together in (1, 7, 1024):
        monkeypatch.setattr(tar_index, "_TOGETHER", together)
        assert triples(read(outer[: start + len(inner)], start)) == expected


def test_numbers_and_records() -> None:
    assert [number(field) for field in (b"0000017\0", b" 17 ", bytes(8), b"\x80\0\0\x11")] == [15, 15, 0, 17]
    for field in (b"000008\0", b"-1\0", b"\xff\xff\xff\xff", b"\x80" + b"\xff" * 11):
        with pytest.raises(ValueError, match="a number of a tar header must"):
            number(field)
    assert pax_records(record("path", "a=b\nc") + record("size", "3")) == {"path": b"a=b\nc", "size": b"3"}
    for wrong in (b"no length", b"99 a=b\n", b"7 a=b c", b"5 ab\n", b"0 a=b\n"):
        with pytest.raises(ValueError, match="a pax record must be"):
            pax_records(wrong)
