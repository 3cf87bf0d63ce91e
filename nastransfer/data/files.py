"""Image files, and images inside archives: their bytes, refused where they are not those indexed, and their pixels."""

from __future__ import annotations

import io
import os
import stat
import struct
import zlib
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, UnidentifiedImageError

from nastransfer.data.members import open_archive

# What Pillow's readers let out when bytes make no sense: its plug-ins check little of what they read.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    TypeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Warning,  # where warnings are errors
)


_TIME = "ns since 1970 as its time of change"


class BadImage(ValueError):
    """Bytes that are no whole image, or a file that cannot be read; `reason` says why, in words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ChangedImage(ValueError):
    """A file, or an archive, that is not the one the manifest was made of: gone, of another size or time of change."""


def image_path(root: str | Path, container: str, name: str | None) -> str:
    """Where an image's file lies; `ValueError` where the path would leave the root, or the image is no file."""
    if name is None:
        raise ValueError(
            f"an image in {container!r} has no file of its own: a manifest of files gives each a name"
        )
    inside = PurePosixPath(container, name)
    if inside.is_absolute() or ".." in inside.parts:
        raise ValueError(f"{str(inside)!r} leaves the root {str(root)!r}: paths stay below the root")
    return f"{root}/{inside}"


def read_bytes(
    root: str | Path,
    container: str,
    name: str | None,
    offset: int | None = None,
    length: int | None = None,
    modified: int | None = None,
) -> bytes:
    """The bytes of the image file `root`/`container`/`name`, or of the member `name` of the archive `container`.

    `length` (bytes) and `modified` (ns since 1970) are compared with the open file's where they are known:
    `ChangedImage` where they differ or the file is gone, `BadImage` where it cannot be read. An image inside an archive
    has an `offset`, its first byte there; then `modified` is the archive's, and a `length` is needed: `ValueError`.
    """
    if offset is not None and name is not None:
        return _read_member(root, container, name, offset, length, modified)
    path = image_path(root, container, name)
    try:
        # Without blocking: a pipe with a picture's name would wait for a writer.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _gone(path) from error
    except OSError as error:
        raise BadImage(unreadable(error)) from error
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise BadImage("unreadable: not a regular file")
        for what, indexed, now in (
            ("bytes", length, found.st_size),
            (_TIME, modified, found.st_mtime_ns),
        ):
            if indexed is not None and indexed != now:
                raise _changed(path, f"{indexed} {what}, now {now}")
        with open(file, "rb", buffering=0, closefd=False) as opened:
            return opened.readall()
    except OSError as error:
        raise BadImage(unreadable(error)) from error
    finally:
        os.close(file)


def _read_member(
    root: str | Path, container: str, name: str, offset: int, length: int | None, modified: int | None
) -> bytes:
    # Most paths are plain: one that is not is looked at as all others are.
    archive = (
        image_path(root, ".", container)
        if ".." in container or container[0] == "/"
        else f"{root}/{container}"
    )
    if length is None:
        raise ValueError(f"{archive}/{name} has the offset {offset} and no length: index the images again")
    try:
        opened, now = open_archive(archive)
        content = opened.member(offset, length, length)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _gone(archive) from error
    except OSError as error:
        raise BadImage(unreadable(error)) from error
    if modified is not None and modified != now:
        raise _changed(archive, f"{modified} {_TIME}, now {now}")
    if content is None:
        raise _changed(
            archive, f"at byte {offset} is no member of {length} bytes, {archive}/{name} was there"
        )
    return content


def _gone(path: str) -> ChangedImage:
    return ChangedImage(f"{path} is gone: index the images again")


def _changed(path: str, how: str) -> ChangedImage:
    return ChangedImage(f"{path} changed after it was indexed: {how}")


def unreadable(error: OSError) -> str:
    """The reason given for a file that the system does not let us read."""
    return f"unreadable: {error.strerror or type(error).__name__}"


def decode_rgb(content: bytes) -> np.ndarray:
    """The pixels of an encoded image, uint8 [height, width, 3]; `BadImage` with the reason where there are none.

    Grey, palette and CMYK images are converted; transparency is dropped; 16-bit grey keeps its upper 8 bits. The
    orientation that EXIF states is ignored, as torchvision's readers do: pixels come as they are stored.
    """
    if not content:
        raise BadImage("zero bytes")
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.mode.startswith("I;16"):
                grey = (np.asarray(image) >> 8).astype(np.uint8)
                return np.repeat(grey[:, :, None], 3, axis=2)
            # Pillow warns of transparency in palettes, which RGB drops in any case.
            image.load()
            image.info.pop("transparency", None)
            return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
    except UnidentifiedImageError as error:
        raise BadImage("not an image") from error
    except _DECODER_ERRORS as error:
        raise BadImage(f"cannot be decoded: {error or type(error).__name__}") from error
