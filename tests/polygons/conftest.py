"""Synthetic class rasters, and their polygons traced in memory."""

import numpy as np
import pytest
import rasterio
import shapely

from geoseg.polygons.bands import Band
from geoseg.polygons.components import NODATA
from geoseg.polygons.faces import trace_faces

UTM = "EPSG:32633"
PLACE = rasterio.Affine(2, 0, 500_000, 0, -2, 5_400_000)


@pytest.fixture(scope="session")
def traced():
    """Return a function that polygonises class ids in bands: polygons in lattice points, and their class ids."""

    def trace(values, rows, tolerance_m=0.0, pixel_m=(1.0, 1.0)):
        bands = [
            Band(values=values[top : top + rows], pixel_m=pixel_m, last=top + rows >= len(values))
            for top in range(0, len(values), rows)
        ]
        polygons, classes = [], []
        for faces in trace_faces(bands, values.shape[1], np.ones(NODATA + 1, np.bool_), tolerance_m):
            offsets = (faces.ring_start, faces.face_start)
            points = faces.points.astype(float)
            polygons += shapely.from_ragged_array(shapely.GeometryType.POLYGON, points, offsets).tolist()
            classes += faces.value.tolist()
        return np.array(polygons, dtype=object), np.array(classes, dtype=np.uint16)

    return trace


@pytest.fixture(scope="session")
def blots():
    """Return a function that draws smooth patches of classes `(rows, columns)` from a seed."""

    def draw(seed, shape, classes=4, coarse=5):
        rng = np.random.default_rng(seed)
        rows, columns = shape
        heights = rng.random((classes, rows // coarse + 3, columns // coarse + 3))
        y, x = np.arange(rows)[:, None] / coarse, np.arange(columns)[None] / coarse
        y0, x0 = y.astype(int), x.astype(int)
        fy, fx = y - y0, x - x0
        smooth = (heights[:, y0, x0] * (1 - fx) + heights[:, y0, x0 + 1] * fx) * (1 - fy)
        smooth += (heights[:, y0 + 1, x0] * (1 - fx) + heights[:, y0 + 1, x0 + 1] * fx) * fy
        return smooth.argmax(axis=0).astype(np.uint16)

    return draw
