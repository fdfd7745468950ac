"""Trace the road network of a mask whose rows stream by."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio import Affine

from .chains import trace_chains
from .clean import clean
from .ground import ground
from .lines import draw
from .network import Network
from .road import Road, RoadSettings
from .skeleton import thin

STRIP_ROWS = 1024


def trace_roads(
    strips: Iterable[npt.NDArray[np.bool_]],
    shape: tuple[int, int],
    transform: Affine,
    crs: Any,  # noqa: ANN401 - whatever pyproj or rasterio calls a CRS
    settings: RoadSettings | None = None,
) -> Iterator[Road]:
    """Yield the roads of a mask as its rows complete them.

    Memory is bounded by a strip of 1024 rows with its halo and by the edges that are not finished; it does not grow
    with the scene's height.

    Parameters
    ----------
    strips
        Consecutive bands `(any, width)` of the road mask, top to bottom. How the mask is cut changes nothing.
    shape
        Height and width of the mask.
    transform
        From (column, row), whole numbers at pixel corners, to x and y; any invertible affine.
    crs
        The grid's CRS.
    settings
        What to drop, merge and smooth.

    Yields
    ------
    Road
        Edges of the network in the grid's CRS, in an order fixed by the mask.

    Raises
    ------
    ValueError
        The strips do not add up to `shape`.
    """
    settings = settings or RoadSettings()
    height, width = shape
    place = ground(transform, crs)
    tops = range(0, height, STRIP_ROWS)
    metrics = [place.metric(width / 2, (top + min(top + STRIP_ROWS, height)) / 2) for top in tops]
    middle = metrics[len(metrics) // 2]
    pixel_m2 = abs(float(np.linalg.det(middle)))
    cleaned = clean(
        strips,
        shape,
        speck_px=settings.min_speck_m2 / pixel_m2,
        hole_px=settings.min_hole_m2 / pixel_m2,
        rows=STRIP_ROWS,
    )
    network = Network(width, settings)
    chains = trace_chains(thin(cleaned, shape, metrics, rows=STRIP_ROWS), width)
    # The last list of chains comes after the last strip.
    for found, metric in zip(chains, [*metrics, metrics[-1]], strict=True):
        yield from draw(list(network.add(found, metric)), place, shape, metric, settings)
