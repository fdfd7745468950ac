"""Synthetic networks, in memory and as files."""

import geopandas
import numpy as np
import pytest
import shapely

from geoseg.evaluation.roads.noding import road_graph

EAST, NORTH = 500_000, 5_400_000
"""Origin of the networks in UTM zone 33 N."""


@pytest.fixture
def network():
    """Make a graph of lines, each a list of points in metres."""

    def make(*lines):
        shapes = np.empty(len(lines), object)
        shapes[:] = [shapely.LineString(line) for line in lines]
        return road_graph(shapes)

    return make


@pytest.fixture
def street_grid():
    """Make the blocks of a street grid, as pairs of points."""

    def make(columns, rows, step=100.0):
        across = [[(c * step, r * step), ((c + 1) * step, r * step)] for r in range(rows) for c in range(columns - 1)]
        return across + [
            [(c * step, r * step), (c * step, (r + 1) * step)] for c in range(columns) for r in range(rows - 1)
        ]

    return make


@pytest.fixture
def write_roads(tmp_path):
    """Write lines, or any shapes, given in metres from a place in UTM zone 33 N; returns the path."""

    def write(shapes, name, *, crs="EPSG:32633", shift=(0, 0), **options):
        placed = [
            shapely.transform(
                shape if isinstance(shape, shapely.Geometry) else shapely.LineString(shape),
                lambda points: points + np.array([EAST + shift[0], NORTH + shift[1]]),
            )
            for shape in shapes
        ]
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        frame = geopandas.GeoDataFrame(geometry=placed, crs="EPSG:32633").to_crs(crs)
        if path.suffix == ".parquet":
            frame.to_parquet(path)
        else:
            frame.to_file(path, **options)
        return path

    return write
