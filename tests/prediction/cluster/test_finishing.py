"""The tracer's blocks begin once their windows are finished, and not before."""

from math import prod

import numpy as np
import pytest
import rasterio
from standins import make_card

from geoseg.models.legend import AERIAL
from geoseg.prediction.cluster.finishing import TracedBlocks
from geoseg.prediction.finishing import plan_roads
from geoseg.prediction.layers import predicted_grid
from geoseg.prediction.planning import plan
from geoseg.prediction.settings import Settings
from geoseg.rasters.scene import open_scene
from geoseg.roads.skeleton.block import window_of
from geoseg.tiling import roi_shape


@pytest.mark.parametrize(("pixel_m", "aoi"), [(1.0, False), (0.11, False), (1.0, True)])
def test_windows_are_finished(write_scene, noise, monkeypatch, pixel_m, aoi):
    """In any order of the plan's blocks, a block is ready with the last pixel of its window; oracle: a mask."""
    monkeypatch.setattr("geoseg.prediction.cluster.finishing.traced_block", lambda _: 50)
    monkeypatch.setattr("geoseg.prediction.planning.max_columns", lambda *_: 150)
    place = rasterio.Affine(pixel_m, 0, 500_000, 0, -pixel_m, 5_400_000)
    scene = open_scene(write_scene(noise(400, 380), transform=place))
    west, south, east, north = scene.bounds_lonlat
    settings = Settings(gsd_m=pixel_m, aoi=(west, south, (west + east) / 2, (south + 2 * north) / 3) if aoi else None)
    planned = plan(scene, make_card(legend=AERIAL), settings, workers=5)
    tracing = plan_roads(planned)
    assert (tracing.factor > 1) == (pixel_m < 0.3)
    waiting = TracedBlocks(planned, tracing)
    done, ready = np.zeros(predicted_grid(planned).shape.yx, bool), {}
    top, left = planned.roi[0].start, planned.roi[1].start
    height, width = tracing.grid.shape
    for number in np.random.default_rng(0).permutation(len(planned.blocks)):
        rows, cols = block = planned.blocks[number]
        before = done.copy()
        done[rows.start - top : rows.stop - top, cols.start - left : cols.stop - left] = True
        for part in waiting.add(block):
            down, across = (
                slice(span.start * tracing.factor, span.stop * tracing.factor)
                for span in window_of(*part, tracing.grid)
            )
            assert done[down, across].all()
            assert not before[down, across].all()
            ready[part[0].start, part[1].start] = prod(roi_shape(part))
    assert len(planned.blocks) > 4
    assert sum(ready.values()) == height * width
