"""Join the compressed blocks of a raster and of its overviews to a Cloud Optimized GeoTIFF.

Ordered and annotated as by GDAL's driver of that format, so that its readers take the same short ways
(https://gdal.org/en/stable/drivers/raster/cog.html#header-ghost-area); that driver compresses in one process, and fills
and looks at every block, even those that it then leaves out. Structure: TIFF 6.0, and BigTIFF
(https://www.awaresystems.be/imaging/tiff/bigtiff.html).
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import numpy.typing as npt
import rasterio.shutil

from .levels import COMPRESSION, DEFLATE_LEVEL, Level
from .sources.vrt_sources import SIDE, remove_sources

_ORDER = (
    b"LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
    b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
)
_AROUND = 4
"""Bytes of a block's leader, and of its trailer."""
_GHOST = b"GDAL_STRUCTURAL_METADATA_SIZE=%06d bytes\n" % len(_ORDER) + _ORDER
_SUBFILE, _WIDTH, _LENGTH, _BANDS, _OFFSETS, _SIZES = 254, 256, 257, 277, 324, 325
_OF_THE_WHOLE = {305, 33550, 33922, 34264, 34735, 34736, 34737, 42112}
"""Tags that overviews lack: software, georeference, and GDAL's metadata."""
_NODATA = 42113
_LONG, _LONG8 = 4, 16
"""Types of 4 and 8 bytes."""

_Numbers = npt.NDArray[np.int64]
_Tags = dict[int, tuple[int, int, bytes]]
"""Type, count and value of each tag."""


@dataclass(frozen=True, kw_only=True)
class _Form:
    """What differs between TIFF and BigTIFF."""

    magic: bytes
    """Header before the offset of the first directory."""
    word: int
    """Bytes of an offset, and of the longest value stored in its tag; longer values start at multiples of it."""
    place: str
    """A place, for `struct`."""
    tags: str
    """A count of tags."""
    tag: str
    """Code, type and count of a tag."""
    kind: int
    """Type of offsets."""

    @property
    def header(self) -> int:
        """Bytes before the ghost area."""
        return len(self.magic) + self.word

    @property
    def ghost(self) -> bytes:
        """The ghost area, and padding that aligns the first directory to a word."""
        return _GHOST + bytes(-(self.header + len(_GHOST)) % self.word)


_CLASSIC = _Form(magic=struct.pack("<2sH", b"II", 42), word=4, place="<I", tags="<H", tag="<HHI", kind=_LONG)
_BIG = _Form(magic=struct.pack("<2sHHH", b"II", 43, 8, 0), word=8, place="<Q", tags="<Q", tag="<HHQ", kind=_LONG8)
_LARGEST_CLASSIC = 2**31
"""Bytes of a file that every reader of TIFF can address."""


def without_pixels(vrt: Path, folder: Path) -> Path:
    """Write, in `folder`, the VRT of a raster without its pixels."""
    root = Xml.parse(vrt).getroot()
    remove_sources(root)
    target = folder / f"{vrt.stem}_described.vrt"
    Xml.ElementTree(root).write(target, encoding="utf-8")
    return target


def join_cog(levels: Sequence[Level], folder: Path, described: Path, target: Path, *, sparse: bool) -> None:
    """Write a raster of byte bands, whose files and those of its overviews lie in `folder`; raises OSError.

    `described` is the raster's VRT with its nodata value. Blocks without data are left out if `sparse`.
    """
    tags = [_describe(described, target)]
    tags += [_as_overview(tags[0], level.shape) for level in levels[1:]]
    empty = b"" if sparse else _empty_block(tags[0])
    found = [_Blocks(level, folder, empty) for level in levels]
    length = sum(blocks.length for blocks in found) + len(_lay_out(tags, found, _BIG, 0))
    form = _CLASSIC if length < _LARGEST_CLASSIC else _BIG
    start = len(_lay_out(tags, found, form, 0))
    with target.open("wb") as file:
        file.write(_lay_out(tags, found, form, start))
        for blocks in reversed(found):
            for data in blocks:
                file.write(struct.pack("<I", len(data)) + data + data[-_AROUND:])


class _Blocks:
    """The blocks of a level by rows; iterating reads them, without those that are left out."""

    def __init__(self, level: Level, folder: Path, empty: bytes) -> None:
        self._files: list[tuple[Path, _Numbers, _Numbers]] = []
        """Each file with the offsets and sizes of its blocks: 0 for those that it lacks."""
        self._empty = empty
        self._sizes = np.full(level.written.shape, len(empty), "<u4")
        for name, rows in level.files:
            places, sizes = _read_places(folder / name)
            self._files.append((folder / name, places, sizes))
            part = self._sizes[rows.start : rows.stop].reshape(-1)
            part[sizes > 0] = sizes[sizes > 0]

    @property
    def length(self) -> int:
        """Bytes of all blocks in the result."""
        return int(self._steps.sum())

    @property
    def _steps(self) -> _Numbers:
        """Bytes of each block in the result."""
        sizes = self._sizes.astype(np.int64)
        return sizes + 2 * _AROUND * (sizes > 0)

    def tags(self, form: _Form, start: int) -> _Tags:
        """Return the tags that say where the blocks are, if the first begins at `start`, and how long they are."""
        steps = self._steps.ravel()
        places = np.where(steps > 0, start + np.cumsum(steps) - steps + _AROUND, 0).astype(f"<u{form.word}")
        return {
            _OFFSETS: (form.kind, places.size, places.tobytes()),
            _SIZES: (_LONG, self._sizes.size, self._sizes.tobytes()),
        }

    def __iter__(self) -> Iterator[bytes]:
        for path, places, sizes in self._files:
            with path.open("rb") as file:
                for place, size in zip(places.tolist(), sizes.tolist(), strict=True):
                    if size:
                        file.seek(place)
                        yield file.read(size)
                    elif self._empty:
                        yield self._empty


def _read_places(path: Path) -> tuple[_Numbers, _Numbers]:
    """Return where the blocks of a GeoTIFF are, and their bytes: 0 for those that it does not hold."""
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        return np.array(page.dataoffsets, np.int64), np.array(page.databytecounts, np.int64)


def _empty_block(tags: _Tags) -> bytes:
    """Compress a block without data."""
    bands = int.from_bytes(tags[_BANDS][2], "little")
    nodata = int(float(tags[_NODATA][2].rstrip(b"\0")))
    return zlib.compress(bytes([nodata]) * (SIDE**2 * bands), DEFLATE_LEVEL)


def _describe(described: Path, target: Path) -> _Tags:
    """Return the tags by which GDAL describes a raster in a GeoTIFF; sidecars that it writes are left in place."""
    profile = {"driver": "GTiff", "tiled": True, "blockxsize": SIDE, "blockysize": SIDE, "sparse_ok": True}
    rasterio.shutil.copy(described, target, **profile, **COMPRESSION, bigtiff="yes", endianness="little")
    return _read_tags(target)


def _read_tags(path: Path) -> _Tags:
    """Return the tags of the first image of a file."""
    import tifffile

    tags = {}
    with tifffile.TiffFile(path) as tiff:
        for tag in tiff.pages.first.tags:
            tiff.filehandle.seek(tag.valueoffset)
            tags[tag.code] = (int(tag.dtype), tag.count, tiff.filehandle.read(tag.valuebytecount))
    return tags


def _as_overview(tags: _Tags, shape: tuple[int, int]) -> _Tags:
    """Return the tags of an overview, given those of the raster."""
    kept = {code: tag for code, tag in tags.items() if code not in _OF_THE_WHOLE}
    numbers = {_SUBFILE: 1, _LENGTH: shape[0], _WIDTH: shape[1]}
    return kept | {code: (_LONG, 1, struct.pack("<I", number)) for code, number in numbers.items()}


def _lay_out(tags: list[_Tags], found: list[_Blocks], form: _Form, start: int) -> bytes:
    """Return all that stands before the blocks, which begin at `start` with those of the last overview."""
    starts: list[int] = []
    for blocks in reversed(found):
        starts.insert(0, start)
        start += blocks.length
    text = form.magic + struct.pack(form.place, form.header + len(form.ghost)) + form.ghost
    for number, (own, blocks, first) in enumerate(zip(tags, found, starts, strict=True), 1):
        text += _directory(own | blocks.tags(form, first), form, len(text), last=number == len(tags))
    return text


def _directory(tags: _Tags, form: _Form, place: int, *, last: bool) -> bytes:
    """Return an image file directory that begins at `place`, with its values; unless it is the last, one follows."""
    head = struct.pack(form.tags, len(tags))
    length = len(head) + len(tags) * (struct.calcsize(form.tag) + form.word) + form.word
    gap, tail = bytes(-(place + length) % form.word), b""
    values = place + length + len(gap)
    for code, (kind, count, value) in sorted(tags.items()):
        head += struct.pack(form.tag, code, kind, count)
        padded = value + bytes(-len(value) % form.word)
        if len(value) <= form.word:
            head += padded
        else:
            head += struct.pack(form.place, values + len(tail))
            tail += padded
    following = 0 if last else values + len(tail)
    return head + struct.pack(form.place, following) + gap + tail
