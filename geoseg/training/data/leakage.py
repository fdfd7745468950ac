"""Refuse leakage: images of different sides of a split that are one file, or show the same ground."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from hashlib import file_digest, sha256
from itertools import combinations, islice
from pathlib import Path

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from geoseg.errors import UsageError
from geoseg.messages import warn
from geoseg.rasters.ground import apply_affine, crs_of
from geoseg.sentences import counted
from geoseg.vectors.geojson import cut_at_antimeridian, ring_in_degrees

from .pairs import Pair
from .splits import Sides

EDGE_PX = 1.0
"""Pixels to shrink footprints by, so that adjacent images do not overlap."""
HEAD = 2**16
"""Bytes of a file to look for copies by, before whole files are compared."""

Image = tuple[str, Path]
"""Side and file of an image."""


def refuse_overlaps(sides: Sequence[Sides]) -> None:
    """Check that images of different sides, in any data set, are not one file and show no common ground.

    Images with a world file but no CRS are compared within their data set, in their own unit; images without any
    georeference only by their paths.
    """
    of = _by_side(sides)
    for one, other in combinations(of, 2):
        _refuse_files(of[one], of[other], one, other)
        for plane in dict.fromkeys(plane for pair in of[other] if (plane := _plane(pair)) is not None):
            ones, others = ([pair for pair in of[side] if _plane(pair) == plane] for side in (one, other))
            _refuse_ground(ones, others, one, other)


def _by_side(sides: Sequence[Sides]) -> dict[str, list[Pair]]:
    """Join the pairs of all data sets on each side."""
    of: dict[str, list[Pair]] = defaultdict(list)
    for each in sides:
        for side, pairs in (*each.named.items(), ("test", each.test)):
            of[side] += pairs
    return of


def report_copies(sides: Sequence[Sides]) -> None:
    """Warn of images without georeference on different sides whose files are copies of each other.

    It is no error, since images without content may be equal, such as blank chips.
    """
    # A VRT says nothing of its pixels.
    unplaced = [
        (side, pair.image)
        for side, pairs in _by_side(sides).items()
        for pair in pairs
        if _plane(pair) is None and pair.image.suffix.lower() != ".vrt"
    ]
    alike = _regroup(_regroup(_regroup([unplaced], _size), partial(_digest, size=HEAD)), _digest)
    found = [(one, other) for group in alike for one, other in islice(_pair_copies(group), 1)]
    if found:
        ((one, image), (other, copy)), *others = found
        more = f" The same holds for {counted(len(others), 'more image')}." if others else ""
        warn(
            f"{image} ({one}) and {copy} ({other}) are copies of one image, so that scores on it are too good; remove "
            f"one, or split by groups that keep them together.{more}"
        )


def _regroup(groups: Iterable[list[Image]], key: Callable[[Path], object]) -> Iterator[list[Image]]:
    """Divide groups by a property of the files; yield those that are on several sides."""
    for group in groups:
        found: dict[object, list[Image]] = defaultdict(list)
        for image in group:
            found[key(image[1])].append(image)
        yield from (each for each in found.values() if len({side for side, _ in each}) > 1)


def _size(path: Path) -> int:
    return path.stat().st_size


def _digest(path: Path, size: int = -1) -> bytes:
    with path.open("rb") as file:
        return sha256(file.read(size)).digest() if size >= 0 else file_digest(file, "sha256").digest()


def _pair_copies(group: Sequence[Image]) -> Iterator[tuple[Image, Image]]:
    """Yield two files on different sides, rather than the same one, which blocks may divide between sides."""
    for one, other in combinations(group, 2):
        if one[0] != other[0] and one[1].resolve() != other[1].resolve():
            yield one, other


def _refuse_files(ones: Sequence[Pair], others: Sequence[Pair], one: str, other: str) -> None:
    """Compare the files of two sides, which are called `one` and `other`."""
    seen: dict[Path, list[Pair]] = {}
    for pair in ones:
        seen.setdefault(pair.image.resolve(), []).append(pair)
    for pair in others:
        for same in seen.get(pair.image.resolve(), ()):
            if not _are_divided(pair, same):
                raise UsageError(
                    f"{pair.image} is for {other} (data set {pair.data_set}, image {pair.name}) and for {one} (data "
                    f"set {same.data_set}, image {same.name}); use it for one of them."
                )


def _plane(pair: Pair) -> str | None:
    """Key of images with comparable footprints: empty with a CRS, the data set for world files, else None."""
    if pair.grid is not None:
        return ""
    return None if pair.plane is None else pair.data_set


def _are_divided(one: Pair, other: Pair) -> bool:
    """Whether both images are divided by the same squares, so that no ground is on both sides."""
    if one.part is None or other.part is None or one.part.ground.squares != other.part.ground.squares:
        return False
    if one.grid is None and _own_squares(one) != _own_squares(other):
        return False
    return one.part.held_out is other.part.held_out or one.part.held_out == other.part.held_out


def _own_squares(pair: Pair) -> tuple[object, ...]:
    """Identify the squares of an image without georeference."""
    assert pair.part is not None
    return pair.image.resolve(), pair.name, pair.shape, pair.part.ground.side_px


def _refuse_ground(ones: Sequence[Pair], others: Sequence[Pair], one: str, other: str) -> None:
    """Compare the footprints of images in one plane, of two sides which are called `one` and `other`."""
    tree = shapely.STRtree([_outline(pair) for pair in ones])
    for pair in others:
        for number in sorted(tree.query(_outline(pair), predicate="intersects")):
            same = ones[number]
            if _are_divided(pair, same):
                continue
            cure = "by block" if pair.grid is not None else "give them a CRS and split by block"
            raise UsageError(
                f"{same.image.name} (data set {same.data_set}, {one}) and {pair.image.name} (data set "
                f"{pair.data_set}, {other}) show the same ground; split by groups that keep them together, or {cure}."
            )


def _outline(pair: Pair) -> shapely.Geometry:
    grid = pair.plane if pair.grid is None else pair.grid
    assert grid is not None  # for all others `_plane` is None
    return footprint(grid)


def footprint(grid: GeoBox) -> shapely.Geometry:
    """Outline of an image, one pixel inside its edges: in degrees, or without a CRS in the unit of its transform.

    It is in two parts if it crosses the antimeridian.
    """
    height, width = grid.shape
    top, left = min(EDGE_PX, height / 4), min(EDGE_PX, width / 4)
    inner = shapely.box(left, top, width - left, height - top)
    corners = shapely.get_coordinates(shapely.segmentize(inner, max(width, height) / 8))
    x, y = apply_affine(grid.transform, corners[:, 0], corners[:, 1])
    if grid.crs is None:
        return shapely.Polygon(np.column_stack((x, y)))
    lon, lat = Transformer.from_crs(crs_of(grid), "EPSG:4326", always_xy=True).transform(x, y)
    outline, beyond = ring_in_degrees(lon, lat)
    return cut_at_antimeridian(outline) if beyond else outline
