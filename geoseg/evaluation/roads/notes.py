"""Notes on likely mistakes: files swapped, empty, of other ground or of more ground, and rough datum shifts."""

from collections.abc import Iterator

import shapely

from geoseg.errors import DataError
from geoseg.evaluation.pairing import Pair
from geoseg.rasters.datum import rough_shift
from geoseg.sentences import join_words

from .buffers import Lines
from .noding import LineGraph
from .read import Roads

_FAR_M = 1000.0
"""Networks this far apart, and further than their own extent, do not show the same ground."""
_BESIDE_M = 100.0
"""A road this far beyond the extent of the other network is outside it: the last road of a scene may be missed."""
_OUTSIDE = 0.2
"""Share of a network's length outside the other's extent that is noted."""


def note_files(true: Roads, predicted: Roads, pair: Pair) -> Iterator[str]:
    """Note a datum shift that is rough for lack of a grid, and files that may be swapped."""
    rough = rough_shift(predicted.crs, true.crs, shapely.get_coordinates(predicted.lines))
    if rough is not None:
        yield rough
    if true.are_predicted and not predicted.are_predicted:
        yield (
            f"{pair.reference} has a model's probabilities, and {pair.predicted} has not: if they are swapped, so are "
            "completeness and correctness."
        )


def note_places(reference: LineGraph, found: LineGraph, pair: Pair) -> Iterator[str]:
    """Note networks, in the same plane, that are empty or do not show the same ground.

    Raises DataError if they are far apart.
    """
    empty = [
        path.name for graph, path in ((reference, pair.reference), (found, pair.predicted)) if not len(graph.lines)
    ]
    if empty:
        yield f"{join_words(empty)} without any roads."
        return
    one, other = (shapely.box(*shapely.total_bounds(graph.lines)) for graph in (reference, found))
    apart_m = float(shapely.distance(one, other))
    # A few roads of one small scene need not overlap.
    if apart_m > max(_FAR_M, one.length, other.length):
        raise DataError(
            f"{pair.predicted} and {pair.reference} are {apart_m / 1000:,.0f} km apart: do they show the same ground? "
            "Check the CRS of each."
        )
    if apart_m:
        yield "the networks do not overlap; check the CRS of each."
        return
    yield from _note_outside(reference.lines, other, pair.reference.name, pair.predicted.name, "missed")
    yield from _note_outside(found.lines, one, pair.predicted.name, pair.reference.name, "false")


def _note_outside(lines: Lines, box: shapely.Polygon, name: str, other: str, counted: str) -> Iterator[str]:
    """Note lines beyond the `box` around the other network, as of a district of which one scene was predicted."""
    west, south, east, north = box.bounds
    extent = shapely.box(west - _BESIDE_M, south - _BESIDE_M, east + _BESIDE_M, north + _BESIDE_M)
    share = shapely.length(shapely.difference(lines, extent)).sum() / shapely.length(lines).sum()
    if share > _OUTSIDE:
        yield (
            f"{share * 100:.0f} % of the length of {name} is more than {_BESIDE_M:g} m outside the extent of {other} "
            f"and counts as {counted}; if {other} is of a smaller area, cut {name} to it."
        )
