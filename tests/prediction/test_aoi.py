"""Areas of interest: which pixels are inside, whatever holds the polygons."""

import geopandas
import numpy as np
import pytest
import shapely
from odc.geo.geobox import GeoBox
from rasterio import Affine
from standins import warned

from geoseg.errors import DataError
from geoseg.prediction.aoi import read_aoi

GRID = GeoBox((60, 80), Affine(1, 0, 500_000, 0, -1, 5_400_000), "EPSG:32633")
SQUARES = [shapely.box(10, 10, 30, 25), shapely.box(50, 40, 70, 55)]
ROAD = shapely.LineString([(0, 5), (80, 50)])


@pytest.fixture
def outside(tmp_path):
    """Pixels `(60, 80)` outside an area of geometries in pixels of the grid."""

    def read(geometries, crs="EPSG:32633"):
        placed = shapely.transform(geometries, lambda points: points * (1, -1) + (500_000, 5_400_000))
        path = tmp_path / "area.gpkg"
        geopandas.GeoSeries(placed, crs="EPSG:32633").to_crs(crs).to_file(path)
        area = read_aoi(path, GRID)
        mask = np.ones(GRID.shape.yx, bool)
        mask[area.roi] = area.outside(*area.roi)
        return mask

    return read


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326"])
def test_lines_and_points_have_no_area(outside, crs):
    """Polygons in collections count like others; lines and points beside them are left out, with a warning."""
    expected = np.ones((60, 80), bool)
    expected[10:25, 10:30] = expected[40:55, 50:70] = False
    np.testing.assert_array_equal(outside(SQUARES, crs), expected)
    nested = shapely.GeometryCollection([shapely.GeometryCollection([SQUARES[1], ROAD]), shapely.Point(3, 3)])
    with warned(r"2 lines or points of the area of interest .*area\.gpkg have no area, and are left out"):
        np.testing.assert_array_equal(outside([SQUARES[0], nested], crs), expected)


def test_polygons_that_touch_the_edge(outside):
    """A polygon outside the grid whose side touches its edge adds no pixel."""
    expected = np.ones((60, 80), bool)
    expected[10:25, 10:30] = False
    np.testing.assert_array_equal(outside([SQUARES[0], shapely.box(80, 30, 90, 50)]), expected)


def test_lines_alone(outside):
    """An area without a polygon is refused."""
    with pytest.raises(DataError, match=r"area\.gpkg has no polygon"):
        outside([ROAD])
