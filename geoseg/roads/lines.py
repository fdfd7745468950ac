"""Draw finished edges as smooth lines on the ground."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import shapely
from scipy.ndimage import gaussian_filter1d

from .ground import Ground
from .network import Edge
from .road import Road, RoadSettings

Points = npt.NDArray[np.float64]

HEADING = 16  # pixels from which the direction of a dead end is taken: a jog of one pixel is 4°


def draw(
    edges: Sequence[Edge],
    ground: Ground,
    shape: tuple[int, int],
    metric: npt.NDArray[np.float64],
    settings: RoadSettings,
) -> Iterator[Road]:
    """Yield a road for each edge: smoothed, its dead ends reaching the end of the mask, simplified, placed, measured.

    Parameters
    ----------
    edges
        Edges along pixel centres.
    ground
        Placement of the pixels.
    shape
        Height and width of the mask: no road leaves it.
    metric
        Matrix `(2, 2)` that takes a step (columns, rows) to metres near these edges.
    settings
        How much to smooth and simplify, and what is too short.

    Yields
    ------
    Road
        In the order of `edges`, without those that touch no other and are too short, and without those that reach
        beyond what the CRS maps to the Earth.
    """
    if not edges:
        return
    pixel_m = float(np.sqrt(abs(np.linalg.det(metric))))
    bent = [_straighten_ends(edge, pixel_m) for edge in edges]
    smooth = _smooth(bent, [edge.ends is None for edge in edges], settings.smooth_px)
    drawn = [_reach_out(points, edge, shape, pixel_m) for points, edge in zip(smooth, edges, strict=True)]
    lines = shapely.linestrings(np.concatenate(drawn), indices=np.repeat(range(len(drawn)), [len(p) for p in drawn]))
    simple = shapely.simplify(lines, settings.simplify_px, preserve_topology=False)
    coordinates, owner = shapely.get_coordinates(simple, return_index=True)
    placed = ground.place(coordinates)
    steps = ground.step_lengths(placed)
    within = owner[1:] == owner[:-1]
    lengths = np.bincount(owner[1:][within], weights=steps[within], minlength=len(edges))
    starts = np.searchsorted(owner, np.arange(1, len(edges)))
    for line, length_m, edge in zip(np.split(placed, starts), lengths.tolist(), edges, strict=True):
        lone = all(end.dead_end for end in edge.ends or ())
        if np.isfinite(length_m) and (not lone or length_m >= settings.min_road_m):
            # To the centre of the nearest background pixel it is half a pixel too far on even widths, none on odd.
            yield Road(line=line, length_m=length_m, width_m=2 * edge.half_width_m - pixel_m / 2)


def _straighten_ends(edge: Edge, pixel_m: float) -> Points:
    """Replace what lies within a road's own width of an end, where a skeleton bends: to a side road or to a corner."""
    points = edge.points.copy()
    if edge.ends is None:
        return points
    for way, end in zip((points, points[::-1]), edge.ends, strict=True):
        # From the corner of a road's blunt end the axis is √2 half-widths away.
        reach_px = (1.5 * edge.half_width_m if end.dead_end else end.half_width_m) / pixel_m
        near = way[: (len(way) + 1) // 2]
        outside = np.hypot(*(near - end.point).T) > reach_px
        stop = int(np.argmax(outside)) if outside.any() else len(near) - 1
        if end.dead_end and stop + HEADING < len(way):
            heading = way[stop] - way[stop + HEADING]
            target = way[stop] + max(np.dot(end.point - way[stop], heading), 0) / np.dot(heading, heading) * heading
        else:
            target = end.point
        way[:stop] = target + np.linspace(0, 1, stop, endpoint=False)[:, None] * (way[stop] - target)
        if not end.dead_end:
            way[0] = end.point
    return points


def _smooth(lines: Sequence[Points], closed: Sequence[bool], sigma: float) -> list[Points]:
    """Smooth all lines in one pass, each between its own margins; fixed ends stay where they are."""
    if sigma == 0:
        return list(lines)
    radius = int(np.ceil(3 * sigma))
    margined = [
        # A point reflection about the end leaves the end in place under any symmetric filter.
        np.vstack([_wrapped(line, radius), line[:1]])
        if ring
        else np.pad(line, ((radius, radius), (0, 0)), "reflect", reflect_type="odd")
        for line, ring in zip(lines, closed, strict=True)
    ]
    filtered = gaussian_filter1d(np.concatenate(margined), sigma, axis=0, radius=radius)
    result = []
    first = radius
    for line, ring, padded in zip(lines, closed, margined, strict=True):
        smooth = filtered[first : first + len(line)]
        smooth[0], smooth[-1] = (smooth[0], smooth[0]) if ring else (line[0], line[-1])
        result.append(smooth)
        first += len(padded)
    return result


def _wrapped(ring: Points, radius: int) -> Points:
    return np.pad(ring[:-1], ((radius, radius), (0, 0)), "wrap")


def _reach_out(points: Points, edge: Edge, shape: tuple[int, int], pixel_m: float) -> Points:
    """Prolong dead ends to the end of the mask: thinning took them back by half a width."""
    if edge.ends is None:
        return points
    parts = [points]
    for way, end, at in ((points, edge.ends[0], 0), (points[::-1], edge.ends[1], 2)):
        heading = way[0] - way[min(len(way) - 1, HEADING)]
        norm = float(np.hypot(*heading))
        if not end.dead_end or norm == 0:
            continue
        heading /= norm
        # The background's nearest centre is half a pixel beyond its edge.
        stretch = max(end.half_width_m / pixel_m - 0.5, 0.0)
        to_border = _to_border(way[0], heading, shape)
        if to_border <= 1.5 * edge.half_width_m / pixel_m:
            stretch = to_border
        parts.insert(at, way[:1] + stretch * heading)
    # A straightened end of a road that bends may have left the scene.
    return np.clip(np.concatenate(parts), 0, shape[::-1])


def _to_border(point: Points, heading: Points, shape: tuple[int, int]) -> float:
    """Return how many pixels along a heading the border of the scene is away."""
    ahead = [
        ((size if step > 0 else 0) - at) / step
        for at, step, size in zip(point.tolist(), heading.tolist(), shape[::-1], strict=True)
        if step != 0
    ]
    nearest: float = min(ahead)
    return max(nearest, 0.0)
