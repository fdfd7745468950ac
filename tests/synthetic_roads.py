"""Random road networks whose truth is known, and what a segmentation network might make of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from rasterio import Affine
from rasterio.features import rasterize
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial import Delaunay

from geoseg.evaluation.roads.noding import LineGraph, Points, line_graph

Levels = npt.NDArray[np.uint8]

_LEVELS = 254
_FINE = 2  # subpixels along each side from which coverage is averaged


@dataclass(frozen=True, kw_only=True, eq=False)
class SyntheticRoads:
    """A network and how wide its roads are."""

    lines: list[Points]
    """x and y in metres `(points, 2)`, y downwards, from junction to junction."""
    width_m: list[float]
    gsd_m: float
    shape: tuple[int, int]
    """Rows and columns."""

    @property
    def truth(self) -> LineGraph:
        """The network as a graph."""
        return line_graph(self.lines)

    def coverage(self) -> npt.NDArray[np.float32]:
        """Share of each pixel `(rows, columns)` that roads cover."""
        areas = [
            shapely.LineString(line).buffer(width / 2, cap_style="flat" if len(line) > 1 else "round")
            for line, width in zip(self.lines, self.width_m, strict=True)
        ]
        rows, cols = self.shape
        fine = rasterize(
            areas, out_shape=(rows * _FINE, cols * _FINE), transform=Affine.scale(self.gsd_m / _FINE), dtype="uint8"
        )
        share: npt.NDArray[np.float32] = fine.reshape(rows, _FINE, cols, _FINE).mean(axis=(1, 3), dtype=np.float32)
        return share


def random_streets(seed: int, size_m: float, *, gsd_m: float = 0.5, spacing_m: float = 110.0) -> SyntheticRoads:
    """Return curved streets between random places, with side streets that end blind.

    Parameters
    ----------
    seed
        Decides everything.
    size_m
        Side of the square scene.
    gsd_m
        Side of a pixel.
    spacing_m
        Least distance between junctions.
    """
    rng = np.random.default_rng(seed)
    places = _scatter(rng, size_m, spacing_m)
    edges = _streets(rng, places)
    lines: list[Points] = []
    widths: list[float] = []
    for one, other in edges:
        line = _bent(rng, places[one], places[other])
        width = float(rng.choice([5.0, 6.5, 8.0, 11.0], p=[0.3, 0.4, 0.2, 0.1]))
        parts = [line]
        if rng.random() < 0.25 and shapely.LineString(line).length > 80:
            stub = _stub(rng, line, width, lines, parts)
            if stub is not None:
                lines.append(stub)
                widths.append(5.0)
        lines += parts
        widths += [width] * len(parts)
    return SyntheticRoads(lines=lines, width_m=widths, gsd_m=gsd_m, shape=(round(size_m / gsd_m),) * 2)


def _scatter(rng: np.random.Generator, size_m: float, spacing_m: float) -> Points:
    places: list[Points] = []
    for place in rng.uniform(15, size_m - 15, (40 * int((size_m / spacing_m) ** 2), 2)):
        if all(np.hypot(*(place - other)) >= spacing_m for other in places):
            places.append(place)
    return np.array(places)


def _streets(rng: np.random.Generator, places: Points) -> list[tuple[int, int]]:
    """Neighbours without another place between them (Gabriel), less one in ten, and no two that leave side by side."""
    triangles = Delaunay(places).simplices
    pairs = sorted({(min(a, b), max(a, b)) for t in triangles.tolist() for a, b in zip(t, t[1:] + t[:1], strict=True)})
    kept: list[tuple[int, int]] = []
    for one, other in pairs:
        middle = (places[one] + places[other]) / 2
        radius = np.hypot(*(places[one] - places[other])) / 2
        if (np.hypot(*(places - middle).T) < radius * 0.999).any() or rng.random() < 0.1:
            continue
        if all(_apart(places, one, other, edge) for edge in kept):
            kept.append((one, other))
    return kept


def _apart(places: Points, one: int, other: int, edge: tuple[int, int]) -> bool:
    for near, far in ((one, other), (other, one)):
        if near in edge:
            beyond = edge[1] if edge[0] == near else edge[0]
            u, v = places[far] - places[near], places[beyond] - places[near]
            if np.dot(u, v) / np.hypot(*u) / np.hypot(*v) > np.cos(np.radians(45)):
                return False
    return True


def _bent(rng: np.random.Generator, one: Points, other: Points) -> Points:
    step = other - one
    length = float(np.hypot(*step))
    bulge = rng.uniform(-0.12, 0.12) * length * np.array([-step[1], step[0]]) / length
    t = np.linspace(0, 1, max(int(length / 4), 2))[:, None]
    return one + t * step + 4 * t * (1 - t) * bulge * 0.5 + np.sin(np.pi * t) * bulge * 0.5


def _stub(
    rng: np.random.Generator, line: Points, width: float, others: list[Points], parts: list[Points]
) -> Points | None:
    """Let a blind street leave the middle of another, which it splits into two."""
    at = int(len(line) * rng.uniform(0.35, 0.65))
    along = line[at + 1] - line[at - 1]
    across = np.array([-along[1], along[0]]) / np.hypot(*along) * rng.choice([-1, 1])
    length = width / 2 + rng.uniform(10, 45)
    stub: Points = line[at] + np.linspace(0, length, max(int(length / 4), 2))[:, None] * across
    tip = shapely.LineString(stub[len(stub) // 2 :]).buffer(14)
    if any(tip.intersects(shapely.LineString(other)) for other in others):
        return None
    parts[:] = [line[: at + 1], line[at:]]
    return stub


def clean(coverage: npt.NDArray[np.float32]) -> Levels:
    """Return a segmentation without a fault."""
    return np.rint(coverage * _LEVELS).astype(np.uint8)


def rough(coverage: npt.NDArray[np.float32], seed: int) -> Levels:
    """Return a segmentation whose edges are ragged: noise is added to the distance from the edge."""
    return np.rint(_ragged(coverage, seed) * _LEVELS).astype(np.uint8)


def occluded(coverage: npt.NDArray[np.float32], seed: int, *, count: int, gsd_m: float) -> Levels:
    """Return a ragged segmentation with so many places, 5 to 18 m across, where something hides the road."""
    rng = np.random.default_rng(seed)
    probability = _ragged(coverage, seed)
    rows, cols = np.nonzero(coverage > 0.5)
    picks = rng.integers(0, rows.size, count)
    y, x = np.ogrid[: coverage.shape[0], : coverage.shape[1]]
    for row, col in zip(rows[picks].tolist(), cols[picks].tolist(), strict=True):
        radius = rng.uniform(2.5, 9.0) / gsd_m
        near = slice(max(int(row - 2 * radius), 0), int(row + 2 * radius) + 1)
        beside = slice(max(int(col - 2 * radius), 0), int(col + 2 * radius) + 1)
        distance = np.hypot(y[near] - row, x[:, beside] - col) / radius
        hidden = 1 / (1 + np.exp((distance - 1) * 8))
        probability[near, beside] *= 1 - hidden * (1 - rng.uniform(0.08, 0.4))
    return np.rint(probability * _LEVELS).astype(np.uint8)


def _ragged(coverage: npt.NDArray[np.float32], seed: int) -> npt.NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    inside = coverage > 0.5
    signed = distance_transform_edt(inside) - distance_transform_edt(~inside)
    noise = gaussian_filter(rng.standard_normal(coverage.shape), 1.5)
    patches = gaussian_filter(rng.standard_normal(coverage.shape), 5)
    noise = 1.05 * noise / noise.std() + 0.5 * patches / patches.std()
    probability: npt.NDArray[np.float64] = 1 / (1 + np.exp(-(np.clip(signed, -8, 4) + noise) * 0.9))
    return probability
