"""Write a mostly empty raster as a Cloud Optimized GeoTIFF, at the cost of the blocks that have data.

GDAL's driver of that format fills and looks at every block of a raster, even those that it then leaves out.
Structure: BigTIFF (https://www.awaresystems.be/imaging/tiff/bigtiff.html), ordered and annotated as by that driver
(https://gdal.org/en/stable/drivers/raster/cog.html#header-ghost-area).
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from io import BufferedWriter
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.shutil
from rasterio.windows import Window

from .pyramid import Level
from .vrt_sources import SIDE, move, restrict, shape_of

_LEVEL = 6
"""Of deflate, as in other results."""
_ORDER = (
    b"LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
    b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
)
_HEADER = 16
_INLINE = 8
"""Most bytes of a value that stands in its tag; longer ones, and directories, begin at multiples of it."""
_GHOST = b"GDAL_STRUCTURAL_METADATA_SIZE=%06d bytes\n" % len(_ORDER) + _ORDER
_GHOST += bytes(-(_HEADER + len(_GHOST)) % _INLINE)
_SUBFILE, _WIDTH, _LENGTH, _OFFSETS, _SIZES = 254, 256, 257, 324, 325
_OF_THE_WHOLE = {33550, 33922, 34264, 34735, 34736, 34737, 42112}
"""Tags that overviews lack: georeference, and GDAL's metadata."""
_LONG, _LONG8 = 4, 16
"""Types of 4 and 8 bytes."""

_Tags = dict[int, tuple[int, int, bytes]]
"""Type, count and value of each tag."""


def write_sparse_cog(levels: Sequence[Level], target: Path) -> None:
    """Write a raster of byte bands with a nodata value, and its overviews; raises OSError or RasterioError.

    The result is a BigTIFF of blocks of `SIDE`; those without data are not in it.
    """
    found = [_Blocks(level) for level in levels]
    tags = [_describe(levels[0], target)]
    tags += [_as_overview(tags[0], level.shape) for level in found[1:]]
    with target.open("wb") as file:
        file.seek(_HEADER + len(_lay_out(tags, found)))
        for level in reversed(found):
            level.write(file)
        file.seek(0)
        file.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, _HEADER + len(_GHOST)) + _lay_out(tags, found))


class _Blocks:
    """Where the blocks of a level stand in the file, and how long they are: 0 for those without data."""

    def __init__(self, level: Level) -> None:
        self._level = level
        self.shape = shape_of(Xml.parse(level.vrt).getroot())
        self._offsets = np.zeros(level.written.shape, "<u8")
        self._sizes = np.zeros(level.written.shape, "<u4")

    def tags(self) -> _Tags:
        """Return the tags that say so."""
        offsets, sizes = self._offsets, self._sizes
        return {
            _OFFSETS: (_LONG8, offsets.size, offsets.tobytes()),
            _SIZES: (_LONG, sizes.size, sizes.tobytes()),
        }

    def write(self, file: BufferedWriter) -> None:
        """Write the blocks with data, by rows."""
        for block, pixels in self._read():
            data = zlib.compress(pixels.tobytes(), _LEVEL)
            file.write(struct.pack("<I", len(data)))
            self._offsets[block], self._sizes[block] = file.tell(), len(data)
            file.write(data + data[-4:])

    def _read(self) -> Iterator[tuple[tuple[int, int], npt.NDArray[np.uint8]]]:
        """Yield the blocks with data, `(rows, columns, bands)`."""
        with rasterio.open(self._level.vrt) as raster:
            for row, col in np.argwhere(self._level.written).tolist():
                top, left = row * SIDE, col * SIDE
                window = Window(left, top, min(SIDE, raster.width - left), min(SIDE, raster.height - top))
                pixels = np.full((SIDE, SIDE, raster.count), raster.nodata, np.uint8)
                pixels[: window.height, : window.width] = np.moveaxis(raster.read(window=window), 0, -1)
                yield (row, col), pixels


def _describe(raster: Level, target: Path) -> _Tags:
    """Return the tags by which GDAL describes a raster in a GeoTIFF; what it writes beside that stays there."""
    root = Xml.parse(raster.vrt).getroot()
    restrict(root, np.zeros_like(raster.written))
    move(root, raster.vrt, target.parent)
    empty = target.with_name(f"{target.stem}_empty.vrt")
    Xml.ElementTree(root).write(empty, encoding="utf-8")
    profile = {"driver": "GTiff", "tiled": True, "blockxsize": SIDE, "blockysize": SIDE, "interleave": "pixel"}
    profile |= {"compress": "deflate", "sparse_ok": True, "bigtiff": "yes", "endianness": "little"}
    rasterio.shutil.copy(empty, target, **profile)
    empty.unlink()
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


def _lay_out(tags: list[_Tags], found: list[_Blocks]) -> bytes:
    """Return all that stands between the header and the blocks."""
    text = _GHOST
    for number, (own, blocks) in enumerate(zip(tags, found, strict=True), 1):
        text += _directory(own | blocks.tags(), _HEADER + len(text), last=number == len(tags))
    return text


def _directory(tags: _Tags, place: int, *, last: bool) -> bytes:
    """Return an image file directory that begins at `place`, with its values; unless it is the last, one follows."""
    values = place + 8 + 20 * len(tags) + 8
    head, tail = struct.pack("<Q", len(tags)), b""
    for code, (kind, count, value) in sorted(tags.items()):
        head += struct.pack("<HHQ", code, kind, count)
        padded = value + bytes(-len(value) % _INLINE)
        if len(value) <= _INLINE:
            head += padded
        else:
            head += struct.pack("<Q", values + len(tail))
            tail += padded
    following = 0 if last else values + len(tail)
    return head + struct.pack("<Q", following) + tail
